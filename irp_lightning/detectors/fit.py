"""Fit a detector: the one place with a Trainer."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.io import TorchCheckpointIO

from irp_lightning.detectors.bf16_advice import Bf16Advice
from irp_lightning.detectors.config import TrainerConfig
from irp_lightning.detectors.progress import FitProgress
from irp_lightning.detectors.saving import save_tensors
from irp_lightning.features.batches import RefinableData
from irp_lightning.foundation.fields import plain

__all__ = ["Checkpoints", "fit"]


class Checkpoints:
    """Keeps checkpoints of a fit in one place, each instead of the one before.

    Args:
        write: Makes a file whole: called with what saves it to a path.
        seconds: Between two checkpoints at least, but for the last.
    """

    def __init__(self, write: Callable[[Callable[[Path], Any]], Any], seconds: float) -> None:
        self.write, self.seconds = write, seconds
        self._kept = -math.inf

    def keep(self, trainer: L.Trainer) -> None:
        """Keep one, unless the one before is younger than that."""
        # Clocks differ, and all processes must save or none.
        if trainer.strategy.broadcast(time.monotonic() - self._kept >= self.seconds):
            self._save(trainer)
            self._kept = time.monotonic()

    def keep_last(self, trainer: L.Trainer) -> None:
        """Keep the final checkpoint, which nothing resumes: without the optimiser, two thirds of it."""
        trainer.strategy.optimizers = []
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero:
            self.write(trainer.save_checkpoint)
        else:  # takes part in gathering the state; the first process writes it
            trainer.save_checkpoint("")


class _InPlace(TorchCheckpointIO):
    """Writes where it is told to: Lightning would write to the system's temporary folder first.

    Checkpoints have gigabytes, and who asks for one renames it himself.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        save_tensors(checkpoint, Path(path))


class _OneMind(L.Callback):
    """Several processes train on the same images: what to remove must not hang on a last bit."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        data.active = trainer.strategy.broadcast(data.active)


def fit(
    detector: L.LightningModule,
    data: RefinableData,
    config: TrainerConfig,
    *,
    epochs: int,
    callbacks: Sequence[L.Callback] = (),
    loggers: Sequence[Logger] = (),
    checkpoints: Checkpoints | None = None,
    resume: Path | None = None,
    folder: Path | None = None,
    progress: bool = False,
) -> int:
    """Fit a detector to the active images.

    Args:
        detector: It is trained in place.
        data: Features, and which images are active.
        config: Device, precision, and other arguments of Lightning's.
        epochs: So many at the most; callbacks may stop earlier.
        callbacks: Such as refinement between rounds.
        loggers: Where curves go.
        checkpoints: Keeps the last state; None: nothing is kept.
        resume: A checkpoint to resume from.
        folder: Where Lightning may put things; None: nowhere.
        progress: Show a bar.

    Returns:
        How many steps the optimiser took.
    """
    trainer = L.Trainer(
        **plain(config),
        max_epochs=epochs,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[_OneMind(), Bf16Advice(), *callbacks, *([FitProgress()] if progress else [])],
        plugins=[_InPlace()],
        logger=list(loggers) or False,
        log_every_n_steps=1,
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )
    trainer.fit(detector, datamodule=data, ckpt_path=resume)
    if checkpoints is not None:
        checkpoints.keep_last(trainer)
    return trainer.global_step
