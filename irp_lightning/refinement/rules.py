"""Threshold rules, given the scores of all active images. Pure functions of tensors.

A rule is ``(scores (N,), …) → threshold``: images that score above it stand out. Its other arguments are
its own; only ``lambda_median`` is the paper's (section 3, Eq. 5).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.shares import whole_share

__all__ = [
    "Rule",
    "false_discovery",
    "iqr",
    "lambda_median",
    "logs_of",
    "lower_half",
    "lower_mad",
    "mad",
    "otsu",
    "top_share",
]

Rule = Callable[[Tensor], float]
"""Scores, (N,), to a threshold: one of the functions below with its arguments, or a user's."""

NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""


LEAST = 3
"""Scores that clipping leaves at least: two have no spread."""


def lambda_median(scores: Tensor, k: float) -> float:
    """The paper's threshold, λ × median of the scores (Eq. 5). Scale-equivariant.

    Args:
        scores: (N,), of the active images.
        k: λ > 0.

    Raises:
        InputError: The median is not positive, so that a multiple of it says nothing about what is
            far above it.
    """
    median = _median(scores.double())
    if median <= 0:
        raise InputError(
            f"the median score is {median:.4g}: λ × median needs a positive one; use a positive score "
            "(such as latent), or another rule, such as iqr"
        )
    return k * median


def mad(scores: Tensor, k: float) -> float:
    """Median + k · 1.4826 · MAD, the Hampel identifier. Equivariant to scale and shift.

    Davies & Gather: *The identification of multiple outliers*, JASA 1993.

    Args:
        scores: (N,).
        k: Robust standard deviations, > 0.
    """
    scores = scores.double()
    median = _median(scores)
    return median + k * NORMAL_MAD * _median((scores - median).abs())


def iqr(scores: Tensor, k: float) -> float:
    """Q3 + k · (Q3 − Q1), Tukey's fence (at k = 1.5). Equivariant to scale and shift.

    Tukey: *Exploratory Data Analysis*, 1977.

    Args:
        scores: (N,).
        k: Interquartile ranges, > 0.
    """
    scores = scores.double()
    low, high = (torch.quantile(scores, q).item() for q in (0.25, 0.75))
    return high + k * (high - low)


def lower_mad(scores: Tensor, k: float) -> float:
    """The log scores' median + k standard deviations of their *lower* half, clipped to a fixed point.

    Defects widen the upper tail alone, so the spread of what is normal is read off the scores below
    the median. Defects also lift the median: whatever lies above the threshold is set aside, and
    median and spread are taken anew, until nothing more is (sigma clipping, one-sided). The spread is
    1.4826 × the median distance to the median of the scores below it. The threshold is the highest score
    that is left. Scale-equivariant. A higher ``k`` may remove more, in rare cases: what it leaves in
    moves the median and the spread of the next step.

    Args:
        scores: (N,), positive.
        k: Standard deviations, > 0.

    Raises:
        InputError: A score is not positive: it has no logarithm.
    """
    logs = logs_of(scores, "lower_mad").sort().values
    count = _clip(logs, lambda kept: _inside(kept, k))
    return scores.double().sort().values[count - 1].item()


def _inside(kept: Tensor, k: float) -> int:
    """How many values lie at most k lower spreads above the median."""
    median, spread = lower_half(kept)
    return int((kept <= median + k * spread).sum()) if spread else len(kept)


def lower_half(values: Tensor, above: float = 0.0) -> tuple[float, float]:
    """The median and the spread below it, in standard deviations of a normal distribution.

    Args:
        values: (N,).
        above: How many more values there are, all of them higher.
    """
    middle = min(1.0, (1 + above / len(values)) / 2)
    median = torch.quantile(values, middle).item()
    below = values[values < median]
    return median, NORMAL_MAD * _median(median - below) if len(below) else 0.0


def _clip(ordered: Tensor, inside: Callable[[Tensor], int]) -> int:
    """How many of the lowest values stay, if those outside are set aside until nothing more is."""
    count = len(ordered)
    while (left := max(inside(ordered[:count]), LEAST)) < count:
        count = left
    return count


def false_discovery(scores: Tensor, k: float) -> float:
    """The lowest threshold that at most a share ``k`` of what exceeds it is expected to be normal at.

    Log scores of normal images are taken to be normally distributed, with a median and a spread that are
    read off their lower half. So each score has a probability of being exceeded by a normal image's, and
    Benjamini and Hochberg's step-up procedure (*Controlling the false discovery rate*, J. R. Stat. Soc.
    B 1995; with an empirical null as in Efron, JASA 2004) finds the threshold: where nothing stands out
    it lies above all scores but the strangest, where the upper tail is another population it reaches far
    down into it. Defects lift the median and widen the spread: what lies above the threshold is set
    aside, but for the share ``k`` of it that is normal, and both are taken anew, until nothing more is;
    so, rarely, a larger ``k`` finds a wider spread, and less. Scale-equivariant.

    Args:
        scores: (N,), positive.
        k: The share of false removals among all removals, in (0, 1).

    Raises:
        InputError: A score is not positive: it has no logarithm.
    """
    ordered = scores.double().sort().values
    logs = logs_of(ordered, "false_discovery")
    above = torch.arange(len(logs), 0, -1, dtype=torch.double)  # as many score at least as high

    def undiscovered(kept: Tensor) -> int:
        median, spread = lower_half(kept, k * (len(logs) - len(kept)))
        if not spread:  # equal scores have none
            return len(kept)
        chances = torch.special.erfc((logs - median) / (spread * 2**0.5)) / 2
        found = (chances * len(logs) <= k * above).nonzero().flatten()
        return int(found[0]) if len(found) else len(logs)

    return ordered[_clip(logs, undiscovered) - 1].item()


def otsu(scores: Tensor) -> float:
    """The split of the log scores into two classes that differ most. Scale-equivariant.

    Otsu: *A threshold selection method from gray-level histograms*, IEEE Trans. SMC 1979; here on
    the values themselves, without bins. It always splits, whether there are two kinds or not.

    Args:
        scores: (N,), positive.

    Raises:
        InputError: A score is not positive: it has no logarithm.
    """
    ordered = scores.double().sort().values
    logs = logs_of(ordered, "otsu")
    count = torch.arange(1, len(logs), dtype=torch.double)
    sums = logs.cumsum(0)
    means = sums[:-1] / count, (sums[-1] - sums[:-1]) / (len(logs) - count)
    between = count * (len(logs) - count) * (means[0] - means[1]).square()
    return ordered[between.argmax()].item()


def top_share(scores: Tensor, k: float) -> float:
    """The score that a share ``k`` of all images exceeds: for those who know the noise.

    Equivariant to any increasing transformation.

    Args:
        scores: (N,).
        k: The share, in [0, 1); at most ``k`` · N images score higher.
    """
    ordered = scores.double().sort(descending=True).values
    return ordered[min(whole_share(k, len(ordered)), len(ordered) - 1)].item()


def _median(values: Tensor) -> float:
    return torch.quantile(values, 0.5).item()


def logs_of(scores: Tensor, rule: str) -> Tensor:
    """Logarithms of scores, float64.

    Args:
        scores: (N,).
        rule: The rule that needs them, as the message names it.

    Raises:
        InputError: A score is not positive.
    """
    scores = scores.double()
    if scores.min() <= 0:
        raise InputError(
            f"the lowest score is {scores.min().item():.4g}: the rule {rule} takes logarithms and needs "
            "positive ones; use a positive score (such as latent), or another rule, such as iqr"
        )
    return scores.log()
