"""Files that are whole once they exist."""

import os
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["PARTIAL_SUFFIX", "remove_partial_files", "write_whole"]

PARTIAL_SUFFIX = ".part"
"""In the names of files that are being written, before their suffix; a dot stands in front."""

PARTIAL = re.compile(rf"\.[0-9a-f]{{8}}{re.escape(PARTIAL_SUFFIX)}(\.[^.]*)?")
"""Such a name, whole."""


def write_whole(file: Path, save: Callable[[Path], Any], *, sync: bool = True) -> None:
    """Have ``save`` write a file under another name, and give it its name once it is whole.

    Own code: of the libraries for it none syncs, keeps the suffix that Pillow and matplotlib go by, and
    cleans up.

    Args:
        file: The file; its folder is made.
        save: Called with a temporary path of the same suffix in the same folder.
        sync: Wait until it is on the disk; without, a power failure may leave the name of an empty file.

    Raises:
        OSError: It cannot be written; nothing is left behind. The error names the file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}{file.suffix}")
    try:
        save(partial)
        if sync:
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
        partial.replace(file)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(file)) from error  # a failed write names no file
    finally:
        partial.unlink(missing_ok=True)


def remove_partial_files(folder: Path) -> None:
    """Remove what :func:`write_whole` leaves in a folder when its process is killed.

    Args:
        folder: A folder that no other process writes to; it need not exist.
    """
    for file in folder.glob(f".*{PARTIAL_SUFFIX}*"):
        if PARTIAL.fullmatch(file.name):
            with suppress(OSError):  # another owner's file stays
                file.unlink()
