"""Out-of-sample scores: each training image by a detector that was fitted without its fold."""

import copy
from typing import Any

import lightning as L
import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData
from irp_lightning.refinement.scorers.folds import comparable, draw_folds
from irp_lightning.detectors.scoring import score_images

__all__ = ["CrossFit"]


class CrossFit:
    """Scores by fold detectors, fitted one after another from the weights the run began with.

    A flow learns what it is trained on, defects included, and its scores of its own training images
    say little. A detector that never saw an image, nor another photograph of the same object, does.
    One scoring costs ``folds - 1`` fits of ``epochs``.

    Args:
        groups: (N,), int64: the group of each training image; a group stays in one fold.
        folds: How many, at least 2.
        seed: Of the draw.
        epochs: Of each fold's fit.
        trainer: Arguments of the folds' trainers, as for the run's own.
    """

    def __init__(
        self, groups: Tensor, folds: int, seed: int, epochs: int, trainer: dict[str, Any]
    ) -> None:
        self.fold = draw_folds(groups, folds, seed)
        self.epochs = epochs
        self.trainer = trainer

    def __call__(self, module: L.LightningModule, data: RefinableData, active: Tensor) -> Tensor:
        """Score all training images.

        Args:
            module: The detector as it is before its fit; it is not touched.
            data: The run's data.
            active: (N,), bool: what may be fitted on.

        Returns:
            (N,), float64: 1 is an ordinary image.
        """
        scores = torch.empty(len(active))
        for k in self.fold.unique():
            held_out = self.fold == k
            detector = copy.deepcopy(module)
            trainer = L.Trainer(
                **self.trainer,
                max_epochs=self.epochs,
                reload_dataloaders_every_n_epochs=1,
                logger=False,
                enable_checkpointing=False,
                enable_model_summary=False,
                enable_progress_bar=False,
                use_distributed_sampler=False,
            )
            trainer.fit(detector, datamodule=data.restricted(active & ~held_out))
            scores[held_out] = score_images(
                detector.to(module.device), data.scored_batches(data.train_images[held_out])
            )
        return comparable(scores, self.fold, active)
