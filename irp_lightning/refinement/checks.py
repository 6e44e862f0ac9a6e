"""Checks that there are enough images and groups for a refinement method, before anything is fitted."""

from collections.abc import Mapping, Sequence

from irp_lightning.foundation.errors import WrongValue, named
from irp_lightning.foundation.spelling import spelt_key
from irp_lightning.refinement.build import build_pruning, find_scorer
from irp_lightning.refinement.config import RefineConfig
from irp_lightning.refinement.judgement import MIN_IMAGES
from irp_lightning.refinement.scoring import Explains

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
    if refine.scorer is None:
        return
    build_pruning(refine)
    if images < MIN_IMAGES:
        raise WrongValue(
            "name",
            refine.name,
            f"cannot judge {images} training images; give at least {MIN_IMAGES}, or choose none",
        )
    if groups is not None and refine.is_out_of_sample:
        _check_groups(refine, len(set(groups)))


def _check_groups(refine: RefineConfig, found: int) -> None:
    assert refine.scoring is not None
    with named("scoring"):
        find_scorer(refine.scoring)
    if found < 2:
        raise WrongValue(
            "scoring",
            refine.scoring.title,
            "needs images of at least 2 objects, and these are one group; see "
            f"{spelt_key('data.groups')}",
        )
    # Every scorer of the project's that takes folds fits a model without each.
    folds = refine.scoring.rest.get("folds", 0)
    if isinstance(folds, int) and found < folds:
        raise WrongValue(
            "scoring.folds",
            folds,
            f"is more than the {found} groups of training images; lower it, or set "
            "refine/scoring=in_sample",
        )


def check_explains(refine: RefineConfig) -> None:
    """Check that what finds suspects can say where in a picture they differ, as their report does.

    Raises:
        WrongValue: It looks at whole pictures, or has no ``explain``.
    """
    assert refine.scoring is not None  # checked with the configuration
    with named("scoring"):
        scorer = find_scorer(refine.scoring)
    if scorer.wants != "patches" or not issubclass(scorer, Explains):
        raise WrongValue(
            "scoring",
            refine.scoring.title,
            "does not show where in a picture a suspect differs, which false_alarms reports; "
            "set refine/scoring=ensemble",
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
    """Check whether a method looks at patches, and not at the detector's own features."""
    if refine.scoring is None or not refine.is_out_of_sample:
        return False
    with named("refine.scoring"):
        return find_scorer(refine.scoring).wants == "patches"
