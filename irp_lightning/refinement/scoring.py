"""Interface of scorers of unseen training images: no Trainer, no callback, no label."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from irp_lightning.features.image_features import ImageFeatures, ResidentFeatures
from irp_lightning.foundation.errors import InputError

__all__ = ["Explains", "FitAndScore", "Scorer", "TrainingImages"]

FitAndScore = Callable[[Tensor, Tensor], Tensor]
"""``(fitted on (N,) bool, scored (N,) bool) → scores (M,)``: the run's detector, fitted to some training
images from the weights that the run begins with, and its scores of others, in order."""


def _no_detector(fitted_on: Tensor, scored: Tensor) -> Tensor:
    raise InputError("there is no detector to fit; give fit_and_score, or take a scorer that needs none")


@dataclass(frozen=True, kw_only=True)
class TrainingImages:
    """The training images as a scorer sees them, without labels.

    Attributes:
        features: Of all images of the run, of the kind that the scorer ``wants``.
        positions: (N,), int64: where the training images stand among them.
        groups: (N,), int64: the object that each shows. Two photographs of one part would give each
            other away.
        seed: Of the run.
        fit_and_score: See :data:`FitAndScore`.
        patches: Rows and columns of the patches that each view has; None: as many rows as columns.
    """

    features: ImageFeatures
    positions: Tensor
    groups: Tensor
    seed: int = 0
    fit_and_score: FitAndScore = _no_detector
    patches: tuple[int, int] | None = None

    @classmethod
    def of(
        cls,
        features: Tensor,
        groups: Tensor | None = None,
        *,
        seed: int = 0,
        fit_and_score: FitAndScore = _no_detector,
    ) -> "TrainingImages":
        """Training images of which there are the features alone.

        Args:
            features: (N, K, D): of each image K vectors: patches row by row, or views.
            groups: (N,), int64; None: each image is an object of its own.
            seed: Of folds and draws.
            fit_and_score: For scorers that need a detector.
        """
        positions = torch.arange(len(features))
        return cls(
            features=ResidentFeatures(features),
            positions=positions,
            groups=positions if groups is None else groups,
            seed=seed,
            fit_and_score=fit_and_score,
        )

    def grid(self, views: int) -> tuple[int, int]:
        """Rows and columns of patches, where an image's vectors are those of so many views."""
        side = math.isqrt(self.features.n_views // views)
        return self.patches or (side, side)

    def vectors(self, images: Tensor) -> Tensor:
        """The vectors of some training images: (B,), numbers in [0, N) → (B, K, D)."""
        return self.features.scored(self.positions[images])


class Scorer(Protocol):
    """Scores every training image by what is active, by models that never saw the image's group.

    Attributes:
        wants: The kind of features: ``views`` (each pooled over the picture) or ``patches``.
    """

    wants: ClassVar[str]

    def __init__(self, images: TrainingImages, **arguments: Any) -> None: ...

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → scores (N,), comparable with each other; they depend on ``active`` alone."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A scorer that can also show where in an image its score comes from."""

    def explain(self, images: Tensor) -> Tensor:
        """Maps of some images in the last scoring: (M,) → (M, h, w), higher is more anomalous."""
        ...
