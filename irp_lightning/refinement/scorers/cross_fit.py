"""Out-of-sample scores: each training image by a detector that was fitted without its fold."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from irp_lightning.foundation.fields import load
from irp_lightning.refinement.config import CrossFitConfig
from irp_lightning.refinement.folds import comparable, draw_folds
from irp_lightning.refinement.scoring import TrainingImages

__all__ = ["CrossFit"]


class CrossFit:
    """Scores by fold detectors, fitted one after another from the weights the run begins with.

    A flow learns what it is trained on, defects included, and its scores of its own training images
    say little. A detector that never saw an image, nor another photograph of the same object, does.
    One scoring costs ``folds - 1`` whole fits.

    Args:
        images: The training images.
        arguments: Of :class:`CrossFitConfig`.
    """

    wants: ClassVar[str] = "views"

    def __init__(self, images: TrainingImages, **arguments: Any) -> None:
        config = load(CrossFitConfig, arguments)
        self.fold = draw_folds(images.groups, config.folds, images.seed)
        self.fit_and_score = images.fit_and_score

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → (N,), float64: 1 is an ordinary image."""
        scores = torch.empty(len(active))
        for k in self.fold.unique():
            held_out = self.fold == k
            scores[held_out] = self.fit_and_score(active & ~held_out, held_out)
        return comparable(scores, self.fold, active)
