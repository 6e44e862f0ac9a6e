"""What scores training images that it never saw: no Trainer, no callback, no label."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor

from irp_lightning.features.image_features import ImageFeatures
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.plugins import named_object
from irp_lightning.refinement.config import SCORERS, RefineConfig

__all__ = ["Explains", "FitAndScore", "Scorer", "TrainingImages", "find_scorer"]

FitAndScore = Callable[[Tensor, Tensor], Tensor]
"""``(fitted on (N,) bool, scored (N,) bool) → scores (M,)``: the run's detector, fitted to some training
images from the weights that the run begins with, and its scores of others, in order."""


@dataclass(frozen=True)
class TrainingImages:
    """What a scorer may know of the training images: no label is among it.

    Attributes:
        features: Of all images of the run, of the kind that the scorer ``wants``.
        positions: (N,), int64: where the training images stand among them.
        groups: (N,), int64: the object that each shows. Two photographs of one part would give each
            other away.
        seed: Of the run.
        fit_and_score: See :data:`FitAndScore`.
    """

    features: ImageFeatures
    positions: Tensor
    groups: Tensor
    seed: int
    fit_and_score: FitAndScore

    def vectors(self, images: Tensor) -> Tensor:
        """The vectors of some training images: (B,), numbers in [0, N) → (B, K, D)."""
        return self.features.scored(self.positions[images])


class Scorer(Protocol):
    """Scores every training image by what is active, by models that never saw the image's group.

    Attributes:
        wants: The kind of features: ``views`` (each pooled over the picture) or ``patches``.
    """

    wants: ClassVar[str]

    def __init__(self, images: TrainingImages, config: RefineConfig) -> None: ...

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → scores (N,), comparable with each other; they depend on ``active`` alone."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A scorer that can also show where in an image its score comes from."""

    def explain(self, images: Tensor) -> Tensor:
        """Maps of some images in the last scoring: (M,) → (M, h, w), higher is more anomalous."""
        ...


def find_scorer(name: str) -> type[Scorer]:
    """The class of a scorer: of a file in ``scorers/``, or ``module.Class`` of the user's.

    >>> find_scorer("cross_fit").__name__
    'CrossFit'

    Raises:
        WrongValue: There is none of that name, or it does not say what it wants.
    """
    if name in SCORERS:
        name = f"{__package__}.scorers.{name}.{name.title().replace('_', '')}"
    scorer: type[Scorer] = named_object("scoring", name)
    if not isinstance(scorer, type) or getattr(scorer, "wants", None) not in ("views", "patches"):
        raise WrongValue(
            "scoring", name, 'is no class with wants = "views" or "patches"; see docs/extending.md'
        )
    return scorer
