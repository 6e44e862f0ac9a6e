"""Fit one detector on one run's data, and what it is measured against."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import get_class, instantiate
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from irp_lightning.data.contamination import TrainingPool
from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import FeatureSource
from irp_lightning.detectors.closed_form import ClosedForm
from irp_lightning.refinement.scorers.cross_fit import CrossFit
from irp_lightning.refinement.callback import IterativeRefinement
from irp_lightning.refinement.scorers.local import LocalScoring
from irp_lightning.detectors.scoring import OutOfSample
from irp_lightning.detectors.progress import RoundProgress
from irp_lightning.runs.run_folder import RunFolder
from irp_lightning.runs.resume import CHECKPOINT

__all__ = ["Fitted", "fit_detector", "fit_references", "is_closed_form", "make_scorer"]

SCORER_KEYS = ("name", "scoring", "folds", "grid")
"""What ``refine`` holds besides the callback's own arguments."""


@dataclass(frozen=True)
class Fitted:
    """A detector after its fit, and how it came about."""

    module: L.LightningModule
    trainer: L.Trainer
    refinement: IterativeRefinement


def make_scorer(
    config: dict[str, Any], source: FeatureSource | None, groups: Tensor | None
) -> OutOfSample | None:
    """What scores training images that it never saw; None where the detector scores its own.

    Args:
        config: The resolved configuration.
        source: Cells of all images, for ``refine.scoring=local``.
        groups: (N,), the group of each training image, for the folds; None: not asked for.
    """
    refine = config["refine"]
    if groups is None:
        return None
    if source is not None:
        return LocalScoring(source, groups, refine["folds"], config["seed"])
    epochs = 1 if is_closed_form(config["model"]) else config["epochs"]
    return CrossFit(groups, refine["folds"], config["seed"], epochs, config["trainer"])


def fit_detector(
    config: dict[str, Any],
    source: FeatureSource,
    pool: TrainingPool,
    *,
    carried: dict[str, Any],
    folder: RunFolder | None = None,
    resume: Path | None = None,
    scorer: OutOfSample | None = None,
    remove_first: Tensor | None = None,
    loggers: list[Logger] | None = None,
) -> Fitted:
    """Fit a detector with the refinement that ``config["refine"]`` describes.

    Args:
        config: The resolved configuration.
        source: Features of all images.
        pool: Which of them are trained and tested on.
        carried: What the checkpoint shall hold besides; ``carried["model"]`` is the detector.
        folder: Where a checkpoint is kept, between rounds and at the end; None: nowhere.
        resume: A checkpoint to go on from.
        scorer: Scores training images before the fit.
        remove_first: (N,), bool: training images to leave out from the start.
        loggers: Where curves go.
    """
    L.seed_everything(config["seed"], workers=True, verbose=False)
    closed = is_closed_form(config["model"])
    views = config["views"]
    data = RefinableData(
        source,
        pool.train,
        pool.test,
        batch_size=config["batch_size"],
        # One pass must see what is scored: all views.
        n_transforms=source.n_views if closed else views["n_transforms"],
        n_transforms_test=views["n_transforms_test"],
        seed=config["seed"],
        carried=carried,
    )
    module = instantiate(carried["model"])
    rules = {key: value for key, value in config["refine"].items() if key not in SCORER_KEYS}
    if closed:  # more than one pass would see the same views again
        rules["round_epochs"] = 1
    refinement = IterativeRefinement(
        epochs=1 if closed else config["epochs"],
        **rules,
        remove_first=remove_first,
        out_of_sample=scorer,
        after_round=_every(config["checkpoint_seconds"], folder) if folder else None,
    )
    trainer = L.Trainer(
        **config["trainer"],
        max_epochs=refinement.max_epochs,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[refinement, RoundProgress(refinement)],
        plugins=[_InPlace()],
        logger=loggers or False,
        log_every_n_steps=1,
        default_root_dir=folder.path if folder else None,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module, datamodule=data, ckpt_path=resume)
    if folder is not None:
        trainer.strategy.optimizers = []  # two thirds of a checkpoint, and no round will follow
        _save(trainer, folder)
    return Fitted(module, trainer, refinement)


def _every(seconds: float, folder: RunFolder) -> Callable[[L.Trainer], None]:
    """Keeps a checkpoint, unless the one before is younger than that."""
    kept = -math.inf

    def keep(trainer: L.Trainer) -> None:
        nonlocal kept
        # Clocks differ, and all processes must save or none.
        if trainer.strategy.broadcast(time.monotonic() - kept >= seconds):
            _save(trainer, folder)
            kept = time.monotonic()

    return keep


class _InPlace(TorchCheckpointIO):
    """Writes where it is told to: Lightning would write to the system's temporary folder first.

    Checkpoints have gigabytes, and a run folder renames its files itself.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(checkpoint, path)


def _save(trainer: L.Trainer, folder: RunFolder) -> None:
    if trainer.is_global_zero:
        folder.write(CHECKPOINT, trainer.save_checkpoint)
    else:  # takes part in gathering the state; the first process writes it
        trainer.save_checkpoint(folder.path / CHECKPOINT)


def fit_references(
    config: dict[str, Any],
    source: FeatureSource,
    pool: TrainingPool,
    *,
    carried: dict[str, Any],
    injected: Tensor,
) -> dict[str, Tensor]:
    """Test scores of vanilla training and of the oracle, with the run's own seeds.

    Args:
        config: The resolved configuration.
        source: Features of all images.
        pool: Which of them are trained and tested on.
        carried: As for :func:`fit_detector`.
        injected: (N,), bool: the defective training images. Labels: for evaluation only.

    Returns:
        ``"vanilla"`` and ``"oracle"``: (T,) each.
    """
    plain = {**config, "refine": {"name": "none", "max_rounds": 0}}
    scores = {}
    for name, removed in (("vanilla", None), ("oracle", injected)):
        fitted = fit_detector(plain, source, pool, carried=carried, remove_first=removed)
        last = fitted.refinement.rounds[-1].test_scores
        assert isinstance(last, torch.Tensor)
        scores[name] = last
    return scores


def is_closed_form(model: Mapping[str, Any]) -> bool:
    """Whether a detector, named by ``_target_``, is fitted by one pass over the images."""
    return issubclass(get_class(model["_target_"]), ClosedForm)
