"""Refine features of somebody else's: which images to train on, without any image.

Thirty images of four patches each; three of them lie far off, and two of these show one part:

>>> import torch
>>> from irp_lightning import refine
>>> features = torch.randn(30, 4, 8, generator=torch.Generator().manual_seed(0))
>>> features[:3] += 4
>>> removal = refine(features, groups=[0, 0, *range(1, 29)])
>>> sorted(removal.removed.tolist())
[0, 1, 2]
>>> kept = features[removal.active]
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from irp_lightning.config.plain import experiment_of
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.process_state import own_process_state
from irp_lightning.refinement.build import build_pruning, build_scorer
from irp_lightning.refinement.clean import Cleaning, clean
from irp_lightning.refinement.judgement import MIN_IMAGES
from irp_lightning.refinement.rounds import Round
from irp_lightning.refinement.scoring import TrainingImages

__all__ = ["Removal", "refine"]


@dataclass(frozen=True, kw_only=True)
class Removal:
    """Images left after a removal.

    Attributes:
        active: (N,), bool: the images to train on.
        scores: (N,), float64: each image by what is left, higher is more anomalous; 1 is ordinary.
        rounds: What each round found.
        converged: Whether the last scoring found nothing to remove.
    """

    active: Tensor
    scores: Tensor
    rounds: Sequence[Round]
    converged: bool | None

    @property
    def removed(self) -> Tensor:
        """(R,), int64: the images that are not left, the most anomalous first."""
        gone = (~self.active).nonzero().flatten()
        return gone[self.scores[gone].argsort(descending=True, stable=True)]


def refine(
    features: Tensor,
    groups: Sequence[Hashable] | None = None,
    *,
    trusted: Sequence[bool] | None = None,
    seed: int = 0,
    overrides: Sequence[str] = (),
) -> Removal:
    """Find the images that do not belong, by the features of all of them: ``refine=robust``.

    Args:
        features: (N, K, D), floating point: of each image K vectors, patches row by row (K is a square
            number); or (N, D), one vector each. At least three images.
        groups: N, the object that each image shows; images of one object are never compared. None: each
            shows its own.
        trusted: N, whether an image is never removed.
        seed: Of folds and draws.
        overrides: Of the method, as for ``irp-lightning run``: ``"refine/rule=mad"``,
            ``"refine.scoring.references=500"``.

    Raises:
        InputError: The features have another shape or are not finite, or a value is wrong.
    """
    vectors = _checked(features)
    count = len(vectors)
    numbers = _numbers(groups, count)
    if trusted is not None and len(trusted) != count:
        raise InputError(f"trusted has {len(trusted)} values for {count} images; give one for each")
    method = experiment_of(overrides, data__root=".").refine
    if not method.is_out_of_sample:
        raise InputError(
            f"refine={method.name} needs a detector for its scores between rounds, and there is none; "
            "give robust, or use irp_lightning.refinement.callback.IterativeRefinement"
        )
    assert method.scoring is not None  # one that scores out of sample has it
    with own_process_state():
        scorer = build_scorer(method.scoring, TrainingImages.of(vectors, numbers, seed=seed))
        begun = Cleaning(torch.ones(count, dtype=torch.bool))
        marked = None if trusted is None else torch.tensor(list(trusted), dtype=torch.bool)
        found = clean(scorer, build_pruning(method), begun, trusted=marked)
        return Removal(
            active=found.active,
            scores=scorer(found.active).double(),
            rounds=found.rounds,
            converged=found.converged,
        )


def _checked(features: Tensor) -> Tensor:
    """(N, K, D), float32, on the device where they were."""
    if not isinstance(features, Tensor) or not features.is_floating_point():
        kind = getattr(features, "dtype", type(features).__name__)
        raise InputError(f"features are {kind}; give a torch tensor of floats, (N, K, D) or (N, D)")
    vectors = features[:, None] if features.ndim == 2 else features
    if vectors.ndim != 3 or not vectors.numel():
        raise InputError(f"features have the shape {tuple(features.shape)}; give (N, K, D) or (N, D)")
    if math.isqrt(vectors.shape[1]) ** 2 != vectors.shape[1]:
        raise InputError(
            f"features have K={vectors.shape[1]} vectors an image, which do not form a square of "
            "patches; give 1, 4, 9, ... vectors, row by row"
        )
    if len(vectors) < MIN_IMAGES:
        raise InputError(f"features have {len(vectors)} images; give at least {MIN_IMAGES}")
    wrong = (~vectors.isfinite()).flatten(1).any(dim=1).nonzero().flatten()
    if len(wrong):
        raise InputError(
            f"features of {len(wrong)} images are not finite, the first is image {int(wrong[0])}; leave "
            "those images out"
        )
    return vectors.detach().float()


def _numbers(groups: Sequence[Hashable] | None, count: int) -> Tensor:
    if groups is None:
        return torch.arange(count)
    if len(groups) != count:
        raise InputError(f"groups has {len(groups)} values for {count} images; give one for each")
    values = groups.tolist() if isinstance(groups, Tensor) else list(groups)
    known: dict[Hashable, int] = {}
    numbers = torch.tensor([known.setdefault(value, len(known)) for value in values])
    if len(known) < 2:
        raise InputError(
            "groups has only one group: no image can be compared with another object; give at least two"
        )
    return numbers
