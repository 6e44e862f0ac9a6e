"""The test AUROC after every epoch: to see how far it wanders, never to choose an epoch by it."""

import torch

from irp_lightning.evaluation.metrics import auroc
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.config import IN_SAMPLE, RefineConfig, RuleConfig, ScoringConfig

__all__ = ["wander", "watching"]


def watching(epochs: int) -> RefineConfig:
    """A round for every epoch, and no removal in any."""
    return RefineConfig(
        name="watching",
        scoring=ScoringConfig(_target_=IN_SAMPLE, rest={"round_epochs": 1}),
        rule=RuleConfig(_target_="irp_lightning.refinement.rules.lambda_median", rest={"k": 1e9}),
        max_rounds=epochs - 1,
        patience=epochs,
    )


def wander(fitting: Fitting, labels: torch.Tensor, epochs: int) -> list[float | None]:
    """The AUROC of the test images, whose labels are (T,), after each epoch."""
    fitted = fitting.fit(watching(epochs), Cleaning(fitting.everything))
    return [auroc(r.test_scores, labels) for r in fitted.rounds if r.test_scores is not None]
