"""The threshold beside what somebody who looked at images says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from irp_lightning.cleaning.suspects import Suspect

__all__ = ["ReviewCheck", "check_review"]


@dataclass(frozen=True)
class ReviewCheck:
    """How many of the images that a review decides the threshold gets right.

    Attributes:
        confirmed_defective: Images that are marked defective.
        caught: How many of them score above the threshold.
        confirmed_normal: Images that are marked normal.
        alarmed: How many of them score above the threshold: false alarms.
    """

    confirmed_defective: int
    caught: int
    confirmed_normal: int
    alarmed: int


def check_review(
    suspects: Sequence[Suspect], verdicts: Mapping[str, bool], threshold: float
) -> ReviewCheck | None:
    """Hold the threshold against a review.

    Args:
        suspects: All training images, with scores by detectors that never saw them.
        verdicts: By name, whether an image is defective.
        threshold: Scores above it raise an alarm.

    Returns:
        None where nobody has looked.
    """
    if not verdicts:
        return None
    scores = {s.sample.name: s.detector_score for s in suspects}
    above = {
        defective: [scores[n] > threshold for n, d in verdicts.items() if d == defective]
        for defective in (True, False)
    }
    return ReviewCheck(len(above[True]), sum(above[True]), len(above[False]), sum(above[False]))
