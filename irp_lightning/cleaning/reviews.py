"""The review that a folder of results holds: kept by a plain command, replaced by another one."""

from pathlib import Path

from irp_lightning.data.tables import read_table
from irp_lightning.data.verdicts import verdicts_digest
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import named_file, printable
from irp_lightning.runs.folder import REVIEW, REVIEW_BEFORE
from irp_lightning.runs.record import read_config

__all__ = ["is_new_review", "kept_review", "print_forgotten"]


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
            f"{printable(out)} follows a review, and {REVIEW} is gone; give --review, or --force to "
            "clean without one"
        )
    if saved.get("verdicts") not in (None, verdicts_digest(str(file))):
        raise InputError(
            f"{printable(file)} was changed since it was followed; give --review {printable(file)} to "
            "follow it as it is now"
        )
    return file


def is_new_review(review: Path, out: Path) -> bool:
    """Whether a review says something else than that which the results in a folder follow."""
    saved = read_config(out)
    return saved is not None and saved.get("verdicts") != verdicts_digest(str(review))


def print_forgotten(out: Path) -> None:
    """Say what a cleaning without a review no longer follows, if the results before it followed one."""
    saved, file = read_config(out) or {}, out / REVIEW
    if not saved.get("review") or not file.is_file():
        return
    count = len(read_table("review", file, ("path", "verdict"), "a review").rows)
    aside = printable(out / REVIEW_BEFORE)
    print(
        f"! --force forgets the review of {count} photographs; it stays in {aside}, and "
        f"--review {aside} follows it again"
    )
