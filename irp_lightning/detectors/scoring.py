"""Score images with a detector: every image exactly once, no label in sight."""

from typing import Protocol, cast

import lightning as L
import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData, ScoredBatches
from irp_lightning.foundation.errors import InputError
from irp_lightning.detectors.ranks import gather_parts, rank_and_count

__all__ = ["SCORINGS", "Detector", "OutOfSample", "score_images"]

SCORINGS = ("in_sample", "cross_fit", "local")


class Detector(Protocol):
    """All that refinement asks of a LightningModule."""

    def score(self, batch: Tensor) -> Tensor:
        """Anomaly scores, higher is more anomalous: (B, V, D) → (B,)."""
        ...


class OutOfSample(Protocol):
    """Scores training images by something that never saw them, before the detector is fitted."""

    def __call__(self, module: L.LightningModule, data: RefinableData, active: Tensor) -> Tensor:
        """Scores of all training images, comparable with each other: → (N,)."""
        ...


@torch.no_grad()
def score_images(module: L.LightningModule, batches: ScoredBatches) -> Tensor:
    """The scores of all images of some batches, in order.

    Where several processes train together each scores a part, every image once, and all get all.

    Args:
        module: A detector; it is scored in evaluation mode and left in the mode it was in.
        batches: ``(features (B, V, D), index (B,))``.

    Returns:
        (N,), float32, on the CPU.

    Raises:
        InputError: A score is not a number, or there is not one for each image.
    """
    detector = cast(Detector, module)
    training = module.training
    module.eval()
    try:
        part = batches.part(*rank_and_count())
        scores = [_checked(detector, features.to(module.device)).float().cpu() for features, _ in part]
    finally:
        module.train(training)
    result = gather_parts(torch.cat([torch.empty(0), *scores]))
    if result.isnan().any():
        raise InputError(
            f"{int(result.isnan().sum())} of {len(result)} scores of {type(module).__name__} are not "
            "numbers: training diverged; lower the learning rate (model.lr)"
        )
    return result


def _checked(detector: Detector, features: Tensor) -> Tensor:
    scores = detector.score(features)
    if scores.shape != features.shape[:1]:
        raise InputError(
            f"{type(detector).__name__}.score gave {tuple(scores.shape)} for {tuple(features.shape)} "
            f"features; it must give one score per image, {tuple(features.shape[:1])}"
        )
    return scores
