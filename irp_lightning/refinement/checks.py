"""Whether a refinement can be had of so many images, before anything is fitted."""

from collections.abc import Mapping, Sequence

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.spelling import spelt_key
from irp_lightning.refinement.config import RefineConfig
from irp_lightning.refinement.judgement import MIN_IMAGES
from irp_lightning.refinement.rules import find_rule
from irp_lightning.refinement.scoring import Explains, find_scorer

FOLDED = ("cross_fit", "gaussian", "ensemble")
"""Scorers that fit a model without each fold."""

__all__ = ["check_explains", "check_refinement", "check_verdicts", "looks_at_patches"]


def check_refinement(refine: RefineConfig, images: int, groups: Sequence[int] | None) -> None:
    """Check a method against the images it is to judge.

    Args:
        refine: The method.
        images: How many are trained on.
        groups: The object that each shows, where scoring is out of sample.

    Raises:
        WrongValue: There are too few images or groups, or a rule or scorer of the user's is not there.
    """
    if not refine.max_rounds:
        return
    find_rule(refine.rule)
    if images < MIN_IMAGES:
        raise WrongValue(
            "name",
            refine.name,
            f"cannot judge {images} training images; give at least {MIN_IMAGES}, or choose none",
        )
    if groups is not None:
        find_scorer(refine.scoring)
        found = len(set(groups))
        if found < 2:
            raise WrongValue(
                "scoring",
                refine.scoring,
                "needs images of at least 2 objects, and these are one group; see "
                f"{spelt_key('data.groups')}",
            )
        if refine.scoring in FOLDED and found < refine.folds:
            raise WrongValue(
                "folds",
                refine.folds,
                f"is more than the {found} groups of training images; lower it, or set "
                "scoring=in_sample",
            )


def check_explains(refine: RefineConfig) -> None:
    """Check that what finds suspects can say where in a picture they differ, as their report does.

    Raises:
        WrongValue: It looks at whole pictures, or has no ``explain``.
    """
    scorer = find_scorer(refine.scoring)
    if scorer.wants != "patches" or not issubclass(scorer, Explains):
        raise WrongValue(
            "scoring",
            refine.scoring,
            "does not say where in a picture a suspect differs, which is reported with false_alarms; "
            "set ensemble",
        )


def check_verdicts(verdicts: Mapping[int, bool], images: int) -> None:
    """Check that what somebody says of images leaves some to fit a detector to.

    Args:
        verdicts: By image, whether it is defective.
        images: How many there are.

    Raises:
        WrongValue: Too few are left.
    """
    left = images - sum(verdicts.values())
    if left < MIN_IMAGES:
        reason = f"leaves {left} of {images} photographs, and a detector needs {MIN_IMAGES}; give more"
        raise WrongValue("review", f"({len(verdicts)} verdicts)", reason)


def looks_at_patches(refine: RefineConfig) -> bool:
    """Whether a method looks at patches, and not at the detector's own features."""
    return refine.is_out_of_sample and find_scorer(refine.scoring).wants == "patches"
