"""Choice of the images to remove, given all scores: pure, the same for every scoring."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.shares import whole_share
from irp_lightning.refinement.rounds import Round
from irp_lightning.refinement.rules import Rule

__all__ = ["MIN_IMAGES", "Judgement", "Pruning", "is_over", "judge", "keep_worst"]

MIN_IMAGES = 3
"""Fewer images cannot be judged: the median of two is no estimate of what is normal."""


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """Settings for which outliers to remove, and how often.

    Attributes:
        rule: Scores, (N,), to the threshold above which an image stands out.
        remove: ``worst`` (Algorithm 1) or ``all`` (Eq. 6).
        max_rounds: How often to prune at most.
        patience: Rounds in a row without a removal that count as convergence.
        max_removed: Never prune past this share of the images.
    """

    rule: Rule
    remove: str = "worst"
    max_rounds: int = 1
    patience: int = 1
    max_removed: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Result of a rule on the scores of one round.

    Attributes:
        threshold: Scores above it stand out.
        removed: (N,), bool: what is to go.
        converged: Whether nothing stands out.
    """

    threshold: float
    removed: Tensor
    converged: bool


def judge(scores: Tensor, active: Tensor, pruning: Pruning) -> Judgement:
    """Hold the scores of the active images against the rule's threshold (paper, Eq. 5).

    What stands out is removed: all of it (Eq. 6), or the worst alone (Algorithm 1); never more than
    leaves ``1 - max_removed`` of all images, and three. Images of equal scores, such as copies of one
    file, go together or stay together.

    Args:
        scores: (N,), higher is more anomalous; only those of active images count.
        active: (N,), bool: the images that have not been removed.
        pruning: ``rule``, ``remove`` and ``max_removed`` matter.

    Raises:
        InputError: The rule cannot judge such scores, or gives no number.
    """
    looked_at = scores[active].double()
    threshold = _threshold(looked_at, pruning.rule)
    excess = looked_at > threshold
    left = int(active.sum())
    budget = min(whole_share(pruning.max_removed, len(active)) - (len(active) - left), left - MIN_IMAGES)
    if pruning.remove == "worst":
        excess &= looked_at == looked_at.max()
    removed = torch.zeros_like(active)
    removed[active] = keep_worst(excess, looked_at, budget)
    return Judgement(threshold=threshold, removed=removed, converged=not bool(excess.any()))


def _threshold(scores: Tensor, rule: Rule) -> float:
    found: Any = rule(scores)
    try:
        threshold = float(found)
    except (TypeError, ValueError, RuntimeError):  # a user's rule can give anything
        threshold = math.nan
    if math.isnan(threshold):
        shown = f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) and found.ndim else found
        name = getattr(rule.func if isinstance(rule, partial) else rule, "__name__", "")
        raise InputError(f"the rule {name} gave {shown}; it must give one number, the threshold")
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
    """Check whether no round should follow.

    Args:
        judgement: Of this round.
        before: The rounds before it.
        patience: Rounds in a row without a removal after which the process has converged.
    """
    if not judgement.converged:
        return not bool(judgement.removed.any())  # the budget is used up
    quiet = before[-(patience - 1) :] if patience > 1 else []
    return len(quiet) == patience - 1 and not any(r.removed.any() for r in quiet)
