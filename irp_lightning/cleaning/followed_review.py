"""The review that a folder of results holds: kept by a plain command, replaced by another one."""

from pathlib import Path
from typing import Any

from irp_lightning.config.identity import differences
from irp_lightning.data.verdicts import verdicts_digest
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import named_file, printable
from irp_lightning.foundation.spelling import spelt
from irp_lightning.runs.folder import REVIEW
from irp_lightning.runs.moved import check_moved
from irp_lightning.runs.record import read_config

__all__ = ["check_only_review_differs", "is_new_review", "kept_review"]


def kept_review(out: Path) -> Path | None:
    """The review that the results in a folder follow; None where they follow none.

    Raises:
        InputError: They follow one, and its file is gone or says something else now.
    """
    saved = read_config(out) or {}
    if not saved.get("review"):
        return None
    file = out / REVIEW
    if not file.is_file():
        file = named_file(Path(), str(saved["review"]))  # of an older version, which kept no copy
    if not file.is_file():
        raise InputError(
            f"{printable(out)} used a review, and {REVIEW} is missing; give --review, or --force to "
            "clean without one"
        )
    if saved.get("verdicts") not in (None, verdicts_digest(str(file))):
        raise InputError(
            f"{printable(file)} has changed since it was applied; give --review {printable(file)} to "
            "apply the new version"
        )
    return file


def is_new_review(review: Path, out: Path) -> bool:
    """Check whether a review says something else than that which the results in a folder follow."""
    saved = read_config(out)
    return saved is not None and saved.get("verdicts") != verdicts_digest(str(review))


def check_only_review_differs(out: Path, config: dict[str, Any]) -> None:
    """Check that a new review is one of the same cleaning: its other settings must not change unseen.

    Args:
        out: The folder of the results.
        config: The configuration of the new cleaning, as plain values.

    Raises:
        InputError: Another setting differs, or the photographs are others.
    """
    saved = read_config(out)
    if saved is None:
        return
    others = [found for found in differences(saved, config) if found[0] != "verdicts"]
    if others:
        key, before, now = others[0]
        raise InputError(
            f"{out} holds a run with {spelt(key, before)}, not {now}; give the review with the same "
            f"options, or {spelt('sweep.force', 'true')} to replace the run"
        )
    root = Path(config["data"]["root"])
    if str(saved["data"]["root"]) != printable(root):
        check_moved(out, saved, root)
