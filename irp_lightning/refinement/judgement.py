"""Which images to remove, given the scores of all: pure, the same for every way of scoring."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.shares import whole_share
from irp_lightning.refinement.config import RefineConfig
from irp_lightning.refinement.rounds import Round
from irp_lightning.refinement.rules import find_rule

__all__ = ["MIN_IMAGES", "Judgement", "is_over", "judge", "keep_worst"]

MIN_IMAGES = 3
"""Fewer images cannot be judged: the median of two is no estimate of what is normal."""


@dataclass(frozen=True)
class Judgement:
    """What a rule finds among the scores of one round.

    Attributes:
        threshold: Scores above it stand out.
        removed: (N,), bool: what is to go.
        converged: Whether nothing stands out.
    """

    threshold: float
    removed: Tensor
    converged: bool


def judge(scores: Tensor, active: Tensor, config: RefineConfig) -> Judgement:
    """Hold the scores of the active images against the rule's threshold (paper, Eq. 5).

    What stands out is removed: all of it (Eq. 6), or the worst alone (Algorithm 1); never more than
    leaves ``1 - max_removed`` of all images, and three. Images of equal scores, such as copies of one
    file, go together or stay together.

    Args:
        scores: (N,), higher is more anomalous; only those of active images count.
        active: (N,), bool: the images that have not been removed.
        config: The rule, its ``k``, ``remove`` and ``max_removed``.

    Raises:
        InputError: The rule cannot judge such scores, or gives no number.
    """
    looked_at = scores[active].double()
    threshold = _threshold(looked_at, config)
    excess = looked_at > threshold
    left = int(active.sum())
    budget = min(whole_share(config.max_removed, len(active)) - (len(active) - left), left - MIN_IMAGES)
    if config.remove == "worst":
        excess &= looked_at == looked_at.max()
    removed = torch.zeros_like(active)
    removed[active] = keep_worst(excess, looked_at, budget)
    return Judgement(threshold, removed, converged=not bool(excess.any()))


def _threshold(scores: Tensor, config: RefineConfig) -> float:
    found = find_rule(config.rule)(scores, config.k)
    try:
        threshold = float(found)
    except (TypeError, ValueError, RuntimeError):  # a user's rule can give anything
        threshold = math.nan
    if math.isnan(threshold):
        shown = f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) and found.ndim else found
        raise InputError(f"the rule {config.rule} gave {shown}; it must give one number, the threshold")
    return threshold


def keep_worst(remove: Tensor, scores: Tensor, most: int) -> Tensor:
    """Keep a removal within a budget: of the images to remove, the ``most`` highest-scoring.

    Args:
        remove: (N,), bool.
        scores: (N,).
        most: Below 1: none.

    Returns:
        (N,), bool, a subset of ``remove``. Equal scores at the end of the budget are all left out.
    """
    ranked = scores.double()[remove].sort(descending=True).values
    if len(ranked) <= most:
        return remove
    return remove & (scores > ranked[max(0, most)])


def is_over(judgement: Judgement, before: Sequence[Round], patience: int) -> bool:
    """Whether no round should follow.

    Args:
        judgement: Of this round.
        before: The rounds before it.
        patience: Rounds in a row without a removal after which the process has converged.
    """
    if not judgement.converged:
        return not bool(judgement.removed.any())  # the budget is used up
    quiet = before[-(patience - 1) :] if patience > 1 else []
    return len(quiet) == patience - 1 and not any(r.removed.any() for r in quiet)
