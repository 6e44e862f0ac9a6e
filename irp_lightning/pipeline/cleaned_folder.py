"""Clean a folder of photographs: its configuration, and the run unless it is complete."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from irp_lightning.cleaning.followed_review import check_only_review_differs, is_new_review, kept_review
from irp_lightning.config.experiment import Experiment
from irp_lightning.config.plain import experiment_of
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import plain
from irp_lightning.foundation.names import printable
from irp_lightning.foundation.spelling import spelt, spelt_key
from irp_lightning.runs.session import finished_run
from irp_lightning.sweeps.made import remember, remove_if_made

__all__ = ["OWN_ARGUMENTS", "clean_folder", "experiment_of_folder"]

OWN_ARGUMENTS = ("data.root", "data.groups", "false_alarms", "review", "sweep.force", "hydra.run.dir")
"""Keys that a cleaning has arguments for, which overrides must not set."""


def experiment_of_folder(
    folder: Path,
    out: Path,
    *,
    false_alarms: float | None = 0.01,
    review: Path | None = None,
    groups: str = "none",
    force: bool = False,
    overrides: Sequence[str] = (),
) -> Experiment:
    """The experiment of a cleaning: ``conf/experiment/folder.yaml`` with some values.

    Args:
        folder: The photographs, or a table of them.
        out: The folder of the results.
        false_alarms: The share of good parts that may raise an alarm; None: no threshold is promised.
        review: A review; another one than that of ``out`` begins anew. None: the review that ``out``
            holds, if any.
        groups: ``none``, ``auto`` or a CSV.
        force: Begin anew, whatever ``out`` holds; without ``review`` its review is not followed.
        overrides: As for ``irp-lightning run``.

    Raises:
        InputError: There is no such folder, it holds the results, or an override is wrong or set by an
            argument.
    """
    root = resolved(folder)
    if not root.exists():
        raise InputError(f"{printable(folder)} is not there; give a folder of photographs")
    _check_out(out, folder, root)
    is_new = False
    if review is None and not force:
        review = kept_review(out)
    elif review is not None:
        is_new = not force and is_new_review(review, out)
    check_own_arguments(overrides)
    e = experiment_of(
        ["+experiment=folder", *overrides],
        data__root=str(root),
        data__groups=groups,
        review=None if review is None else str(review),
        false_alarms=false_alarms,
        sweep__force=force or is_new,
    )
    if is_new:
        check_only_review_differs(out, plain(e))
    return e


def clean_folder(e: Experiment, out: Path, report: Callable[[str], None] = print) -> Mapping[str, Any]:
    """Run a cleaning, unless it is complete.

    Args:
        e: The experiment.
        out: The folder of the results.
        report: Called with each line that the user should read.

    Returns:
        What ``metrics.json`` holds.
    """
    # Here and not above: a cleaning that is complete, or refused, need not wait for torch.
    from irp_lightning.cleaning.changes import changes_since

    remember(out)
    try:
        metrics = finished_run(out, plain(e))
        if metrics is not None:
            report(f"complete already: {printable(out)}")
            for line in changes_since(out, e.data):
                report(f"! {line}")
            return metrics
        from irp_lightning.foundation.quiet import quiet
        from irp_lightning.pipeline.recipe import run

        with quiet():
            return run(e, out, report)
    finally:
        remove_if_made(out)


def resolved(path: Path) -> Path:
    """An absolute path without links; a tilde is the user's home."""
    # Path.expanduser raises for users that there are not, Path.resolve for links in a circle.
    return Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111


def check_own_arguments(overrides: Sequence[str]) -> None:
    """Refuse overrides of what the caller has arguments for.

    Raises:
        InputError: One is such a key.
    """
    for override in overrides:
        if (key := override.lstrip("+~").partition("=")[0]) in OWN_ARGUMENTS:
            raise InputError(f"{override} is set by {spelt_key(key)} here; leave it out")


def _check_out(out: Path, folder: Path, root: Path) -> None:
    given = spelt("hydra.run.dir", printable(out))
    if root.is_dir() and resolved(out).is_relative_to(root):
        raise InputError(
            f"{given} is inside {printable(folder)}: its pictures would be taken for photographs; give "
            "a folder beside it"
        )
    if os.path.lexists(out) and not out.is_dir():
        raise InputError(f"{given} is a file or a broken link; give a folder")
