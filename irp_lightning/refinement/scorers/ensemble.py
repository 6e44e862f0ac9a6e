"""Out-of-sample scores from patches, by two models that fail on different things: their mean.

The nearest neighbour in other images knows many kinds of normal, however rare, but a defect that has a
twin is excused by it. A Gaussian cares little for twins, but takes all that is rare for a defect.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor

from irp_lightning.foundation.fields import load
from irp_lightning.refinement.config import EnsembleConfig
from irp_lightning.refinement.scorers.gaussian import Gaussian
from irp_lightning.refinement.scorers.mutual import Mutual
from irp_lightning.refinement.scoring import TrainingImages

__all__ = ["Ensemble"]


class Ensemble:
    """The mean of :class:`Mutual` and :class:`Gaussian`, both in units of an ordinary image.

    Args:
        images: The training images, with their patches.
        arguments: Of :class:`EnsembleConfig`.
    """

    wants: ClassVar[str] = "patches"

    def __init__(self, images: TrainingImages, **arguments: Any) -> None:
        config = load(EnsembleConfig, arguments)
        shared = {"grid": config.grid, "views": config.views}
        self.members = (
            Mutual(images, references=config.references, bank_share=config.bank_share, **shared),
            Gaussian(images, folds=config.folds, by_place=config.by_place, **shared),
        )

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → (N,), float64, positive; 1 is an ordinary image."""
        return torch.stack([member(active) for member in self.members]).mean(dim=0)

    def explain(self, images: Tensor) -> Tensor:
        """The mean of both maps in the last scoring: (M,) → (M, rows, columns)."""
        return torch.stack([member.explain(images) for member in self.members]).mean(dim=0)
