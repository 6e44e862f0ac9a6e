"""Clean images in Python."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irp_lightning.api.detector import Detector
from irp_lightning.api.fitting import fitted_detector
from irp_lightning.api.given import ARGUMENTS, IN_MEMORY, given_images, limits, report
from irp_lightning.cleaning.review import ReviewCheck
from irp_lightning.cleaning.suspects import removed_names
from irp_lightning.config.plain import experiment_of
from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.files.in_memory import GivenImage
from irp_lightning.detectors.config import is_own_detector
from irp_lightning.features.config import is_own
from irp_lightning.foundation.amounts import counted
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import named_file
from irp_lightning.foundation.process_state import own_process_state
from irp_lightning.foundation.quiet import quiet
from irp_lightning.foundation.spelling import spellings
from irp_lightning.pipeline.cleaned_folder import (
    check_own_arguments,
    clean_folder,
    experiment_of_folder,
)
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.pipeline.inputs import prepare
from irp_lightning.pipeline.removal import remove
from irp_lightning.runs.folder import CLEAN, SUSPECTS, csv_rows
from irp_lightning.runs.manifest import read_manifest
from irp_lightning.runs.stopwatch import Stopwatch

__all__ = ["Cleaning", "ReviewCheck", "clean"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Cleaning:
    """Result of cleaning a set of images.

    Attributes:
        names: What the training images are called: N, in the order in which they were given or listed.
        active: (N,), bool: those that were kept.
        suspects: Names of those that were not, the worst first.
        kept: The images that were kept, as they were given; of a folder or a table their files.
        detector: Fitted to them.
        folder: Where tables, report and detector are; None where nothing was written.
        metrics: What ``metrics.json`` holds; empty where nothing was written.
        review: How many of the reviewed images the threshold gets right; None without a review.
    """

    names: Sequence[str]
    active: Tensor
    suspects: Sequence[str]
    kept: Sequence[Any]
    detector: Detector
    folder: Path | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    review: ReviewCheck | None = None

    def __repr__(self) -> str:
        found = f"{counted(len(self.names), 'image')}, {counted(len(self.suspects), 'suspect')}"
        return f"Cleaning({found}, {self.detector!r})"


def clean(
    images: GivenImage | Iterable[GivenImage],
    out: str | Path | None = None,
    *,
    false_alarms: float = 0.01,
    review: str | Path | None = None,
    groups: str | Path = "none",
    max_pixels: int = MAX_PIXELS,
    force: bool = False,
    device: str = "auto",
    overrides: Sequence[str] = (),
) -> Cleaning:
    """Find what does not belong among images, and fit a detector to the rest.

    Args:
        images: A folder or a CSV of photographs; or many images: files, PIL pictures, or uint8 arrays of
            shape (H, W) or (H, W, 3).
        out: A folder for tables, a report and the files of a run, for a folder or a CSV alone. What is
            complete there is not computed again, but for a review. None: nothing is written.
        false_alarms: The share of good parts that may raise an alarm, in (0, 1).
        review: Annotations from the report: a CSV ``path,verdict``, ``normal`` or ``defective``.
        groups: Photographs of one part: ``none`` (near-duplicates are kept together), ``auto``, or a CSV
            ``path,group``.
        max_pixels: Larger images are refused.
        force: Replace what ``out`` holds.
        device: ``auto``, ``cpu`` or ``gpu``: the ``accelerator`` of Lightning's Trainer.
        overrides: As for ``irp-lightning run``, such as ``"seed=1"``.

    Raises:
        InputError: An image, the folder, or a value is wrong.
    """
    with own_process_state(), quiet(), spellings(ARGUMENTS):
        check_own_arguments(overrides)
        if out is not None:
            if not isinstance(images, str | Path):
                raise InputError("out= is for a folder or a table of photographs; leave it out")
            return _clean_folder(
                Path(images),
                Path(out),
                false_alarms,
                review,
                str(groups),
                force,
                [*limits(max_pixels, device), *overrides],
            )
        given, reading, root = given_images(images)
        e = experiment_of(
            [*IN_MEMORY, *limits(max_pixels, device), *overrides],
            data__root=root,
            data__groups=str(groups),
            false_alarms=false_alarms,
            review=None if review is None else str(review),
        )
        inputs = prepare(e, Stopwatch(), reading, report)
        fitting = Fitting.of(inputs, e)
        removal = remove(inputs, e.refine, fitting, ranked=True)
        fitted = fitting.fit(e.refine, removal.cleaning)
        detector = fitted_detector(
            inputs, fitting, fitted, removal.active, false_alarms, inputs.shared_verdicts
        )
        assert removal.ranking is not None  # as it was asked for
        ranked = removal.ranking.order.tolist()
    order = torch.tensor(inputs.pool.train).argsort()  # the pool is shuffled
    active = removal.active[order]
    names = [inputs.train[i].name for i in order.tolist()]
    by_name = given or {sample.name: sample.path for sample in inputs.train}
    return Cleaning(
        names=names,
        active=active,
        suspects=[inputs.train[i].name for i in ranked if not removal.active[i]],
        kept=[by_name[name] for name, is_kept in zip(names, active.tolist(), strict=True) if is_kept],
        detector=detector,
    )


def _clean_folder(
    folder: Path,
    out: Path,
    false_alarms: float,
    review: str | Path | None,
    groups: str,
    force: bool,
    overrides: Sequence[str],
) -> Cleaning:
    """Clean as ``irp-lightning clean`` does, and read the results from its folder."""
    e = experiment_of_folder(
        folder,
        out,
        false_alarms=false_alarms,
        review=None if review is None else Path(review),
        groups=groups,
        force=force,
        overrides=overrides,
    )
    metrics = dict(clean_folder(e, out, report))
    suspects = removed_names(csv_rows(out / SUSPECTS))
    kept = [row for row in csv_rows(out / CLEAN) if row["split"] == "train"]
    names = [row["path"] for row in read_manifest(out) if row["split"] == "train"]
    gone, checked = set(suspects), metrics["cleaning"].get("review")
    own_code = is_own_detector(e.model._target_) or is_own(e.backbone.name, e.backbone.library)
    return Cleaning(
        names=names,
        active=torch.tensor([name not in gone for name in names]),
        suspects=suspects,
        kept=[named_file(Path(), row["image_path"]) for row in kept],
        detector=Detector(out, own_code=own_code),
        folder=out,
        metrics=metrics,
        review=ReviewCheck(**checked) if checked else None,
    )
