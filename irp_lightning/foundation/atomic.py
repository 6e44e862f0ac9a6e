"""Files that are whole once they exist."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["PARTIAL_SUFFIX", "remove_partial", "write_whole"]

PARTIAL_SUFFIX = ".part"
"""In the names of files that are being written, before their suffix; a dot stands in front."""


def write_whole(file: Path, save: Callable[[Path], Any], *, sync: bool = True) -> None:
    """Have ``save`` write a file under another name, and give it its name once it is whole.

    Own code: of the libraries for it none syncs, keeps the suffix that Pillow and matplotlib go by, and
    cleans up.

    Args:
        file: The file; its folder is made.
        save: Called with a temporary path of the same suffix in the same folder.
        sync: Wait until it is on the disk; without, a power failure may leave the name of an empty file.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}{file.suffix}")
    try:
        save(partial)
        if sync:
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove what killed processes have left of :func:`write_whole`, where nobody else writes."""
    for partial in folder.glob(f".????????{PARTIAL_SUFFIX}*"):
        partial.unlink(missing_ok=True)
