"""A threshold that keeps a promise: conformal prediction from out-of-sample scores.

Vovk, Gammerman, Shafer: *Algorithmic learning in a random world*, 2005; Barber, Candès, Ramdas,
Tibshirani: *Predictive inference with the jackknife+*, Annals of Statistics 2021 (CV+, folds).
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from irp_lightning.foundation.amounts import counted, percent
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["Calibration", "calibrate"]

CONFIDENCE = 0.9
"""Of the interval of the false-alarm rate that one set of images gives."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Scores of normal images by detectors that never saw them, and what was made of them.

    Attributes:
        scores: (n,), float64, ascending.
        weights: (n,), float64: 1 / the size of each one's group, so that a group counts once.
        asked: The share of normal images that may raise an alarm.
        promised: The share that can be promised: ``asked``, or 1 / (G + 1) where G groups are too few.
        threshold: Scores above it raise an alarm.
        low: Where the rate of this one threshold lies, 90 %: the 5 % quantile ...
        high: ... and the 95 % quantile.
        at_most: The rate if all that was removed, and that nobody confirmed as defective, were normal
            after all.
        best_f1: The threshold with the best F1 on labelled test images; None where there are none. It is
            chosen by labels and promises nothing.
    """

    scores: Tensor
    weights: Tensor
    asked: float
    promised: float
    threshold: float
    low: float
    high: float
    at_most: float
    best_f1: float | None = None

    @property
    def groups(self) -> int:
        """How many groups of images the scores come from: G."""
        return round(self.weights.sum().item())  # the sum of a group's shares is rounded

    @property
    def shortfall(self) -> str | None:
        """One line where less is promised than was asked for; None where the promise is kept.

        It says what so few images can promise, and which threshold is used.
        """
        if self.promised <= self.asked:
            return None
        few = counted(self.groups, "normal image")
        if self.groups < len(self.scores):
            few = f"{len(self.scores)} normal images in {counted(self.groups, 'group')}"
        return (
            f"false alarms of {percent(self.asked)} cannot be guaranteed: {few} can guarantee no less "
            f"than {percent(self.promised)} (1 in {self.groups + 1}), which the threshold "
            f"{self.threshold:.4g} is for"
        )

    def percentile_of(self, score: float) -> float:
        """The share of the normal images that score lower, in percent."""
        lower = self.weights[self.scores < score].sum()
        return (100 * lower / self.weights.sum()).item()

    def at(self, asked: float) -> "Calibration":
        """The threshold of these scores for another rate; ``at_most`` is lost.

        Raises:
            WrongValue: ``asked`` is not in (0, 1).
        """
        _check(self.scores, len(self.weights), asked)
        return replace(_from_weights(self.scores, self.weights, asked), best_f1=self.best_f1)

    def state(self) -> dict[str, Any]:
        """Plain values and tensors for a checkpoint."""
        return asdict(self)

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> "Calibration":
        """What :meth:`state` gave.

        Raises:
            InputError: The scores are none, are not finite or not in order, or the other values do not
                fit them.
            KeyError: A value is missing.
        """
        found = cls(**{field.name: state[field.name] for field in fields(cls)})
        _check(found.scores, len(found.weights), found.asked)
        sound = (
            bool((found.scores.diff() >= 0).all())
            and bool((found.weights > 0).all())
            and all(map(math.isfinite, (found.threshold, found.promised, found.low, found.high)))
            and math.isfinite(found.at_most)
        )
        if not sound:
            raise InputError("its calibration is damaged; train the detector again")
        return found


def calibrate(
    scores: Tensor,
    groups: Sequence[Hashable],
    asked: float,
    removed: Tensor | None = None,
    removed_groups: Sequence[Hashable] | None = None,
) -> Calibration:
    """The lowest threshold that normal images exceed with a probability of at most ``asked``.

    Of G groups and a new one that is like them, the chance that an image drawn of the new one scores
    above the k-th lowest of one drawn of each is at most 1 - k / (G + 1), whatever the distribution.
    That is exact for scores of one detector (split conformal). Here each image was scored by a detector
    that was fitted without its fold, and the threshold is used with one that was fitted to all: CV+
    promises twice the rate in the worst case, and is near the rate in practice.

    Args:
        scores: (n,), of normal images, out of sample; at least one.
        groups: The object that each shows.
        asked: In (0, 1).
        removed: (R,), scores of the images that were removed and may be normal after all, by a detector
            that never saw them.
        removed_groups: The object that each of them shows; None: each another one.

    Raises:
        WrongValue: ``asked`` is out of its range.
        InputError: There are no scores, one is not finite, or there is not one for each group.
    """
    _check(scores, len(groups), asked)
    gone = torch.empty(0) if removed is None else removed.double()
    groups_gone = range(len(gone)) if removed_groups is None else removed_groups
    if len(gone):
        _check(gone, len(groups_gone), asked)
    order = scores.double().argsort(stable=True)
    weights = _weights(groups)[order]
    found = _from_weights(scores.double()[order], weights, asked)
    of_gone = _weights(groups_gone)  # a group counts once here, too
    above, count = of_gone[gone > found.threshold].sum().item(), found.groups + 1
    return replace(found, at_most=(found.promised * count + above) / (count + of_gone.sum().item()))


def _weights(groups: Sequence[Hashable]) -> Tensor:
    sizes = Counter(groups)
    return torch.tensor([1 / sizes[group] for group in groups], dtype=torch.double)


def _check(scores: Tensor, groups: int, asked: float) -> None:
    if not 0 < asked < 1:
        raise WrongValue("false_alarms", asked, "is not a share between 0 and 1; give 0.01, say")
    if not len(scores):
        raise InputError("a threshold cannot be calibrated on no image; keep at least one normal image")
    if len(scores) != groups:
        raise InputError(
            f"a threshold cannot be calibrated on {counted(len(scores), 'score')} of "
            f"{counted(groups, 'image')}; "
            "give one score for each image"
        )
    wrong = int((~scores.isfinite()).sum())
    if wrong:
        raise InputError(
            f"a threshold cannot be calibrated: {wrong} of {counted(len(scores), 'score')} not finite; "
            "score all images by a detector that did not diverge"
        )


def _from_weights(ordered: Tensor, weights: Tensor, asked: float) -> Calibration:
    """The threshold of ascending scores, as if nothing had been removed."""
    total = weights.cumsum(0)
    count = round(total[-1].item())
    # The sum of a group's shares is rounded; a whole number must not fall short of itself.
    reaches = total >= (1 - asked) * (count + 1) - 1e-9
    place = int(reaches.long().argmax()) if reaches.any() else len(ordered) - 1
    threshold = ordered[place].item()
    # Scores that are equal do not exceed it either.
    below = total[ordered <= threshold][-1].item()
    promised = asked if reaches.any() else 1 / (count + 1)
    k = min(count, max(1, round(below)))
    low, high = stats.beta.interval(CONFIDENCE, count + 1 - k, k)
    return Calibration(
        scores=ordered,
        weights=weights,
        asked=asked,
        promised=promised,
        threshold=threshold,
        low=float(low),
        high=float(high),
        at_most=promised,
    )
