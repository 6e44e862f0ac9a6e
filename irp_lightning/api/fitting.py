"""Fit a detector in Python to images that are trusted."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from irp_lightning.api.detector import Detector
from irp_lightning.api.given import ARGUMENTS, IN_MEMORY, given_images, limits, report
from irp_lightning.config.plain import experiment_of
from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.files.in_memory import GivenImage
from irp_lightning.foundation.process_state import own_process_state
from irp_lightning.foundation.quiet import quiet
from irp_lightning.foundation.spelling import spellings
from irp_lightning.pipeline.calibration import calibrated
from irp_lightning.pipeline.cleaned_folder import (
    check_own_arguments,
)
from irp_lightning.pipeline.fitting import Fitted, Fitting
from irp_lightning.pipeline.inputs import Inputs, prepare
from irp_lightning.refinement.clean import Cleaning as Rounds
from irp_lightning.runs.stopwatch import Stopwatch

__all__ = ["fit", "fitted_detector"]


def fit(
    images: GivenImage | Iterable[GivenImage],
    *,
    false_alarms: float = 0.01,
    groups: str | Path = "none",
    max_pixels: int = MAX_PIXELS,
    device: str = "auto",
    overrides: Sequence[str] = (),
) -> Detector:
    """Fit a detector, with a threshold, to images that are trusted to be normal.

    Args:
        images: As for :func:`clean`.
        false_alarms: The share of good parts that may raise an alarm, in (0, 1).
        groups: As for :func:`clean`.
        max_pixels: Larger images are refused.
        device: As for :func:`clean`.
        overrides: As for ``irp-lightning run``, such as ``"seed=1"``.

    Raises:
        InputError: There are too few images, or an image or a value is wrong.
    """
    with own_process_state(), quiet(), spellings(ARGUMENTS):
        check_own_arguments(overrides)
        _, reading, root = given_images(images)
        e = experiment_of(
            [*IN_MEMORY, "refine=none", *limits(max_pixels, device), *overrides],
            data__root=root,
            data__groups=str(groups),
            false_alarms=None,
        )
        inputs = prepare(e, Stopwatch(), reading, report, grouped=True)
        fitting = Fitting.of(inputs, e)
        fitted = fitting.fit(e.refine, Rounds(fitting.everything))
        return fitted_detector(inputs, fitting, fitted, fitting.everything, false_alarms, {})


def fitted_detector(
    inputs: Inputs,
    fitting: Fitting,
    fitted: Fitted,
    active: Tensor,
    false_alarms: float,
    verdicts: Mapping[int, bool],
) -> Detector:
    """The detector of a fit with its threshold, on the device that it was fitted on."""
    assert inputs.groups is not None  # as they were asked for
    calibration, _ = calibrated(fitting, fitted, active, inputs.groups, false_alarms, verdicts=verdicts)
    return Detector.of(fitting.loaded(fitted, active, calibration))
