"""The feature bank as it lies on disk: its folders, their names, what is sound. Imports no torch."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irp_lightning.foundation.atomic import PARTIAL_SUFFIX
from irp_lightning.foundation.errors import InputError

__all__ = [
    "DIGEST_SIZE",
    "BankFolder",
    "checked",
    "default_cache",
    "digest",
    "find_banks",
    "folder_name",
    "prune",
    "verify",
]

DIGEST_SIZE = 16
"""Bytes of the digest that ends an entry."""

DAY = 86_400
ABANDONED = 3_600
"""Seconds after which a partly written file belongs to nobody any more."""


def digest(data: bytes) -> bytes:
    """What tells that bytes are as they were written."""
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest()


def checked(data: bytes) -> bytes | None:
    """The bytes of an entry without the digest that follows them; None where they do not match it."""
    content = data[:-DIGEST_SIZE]
    return content if digest(content) == data[-DIGEST_SIZE:] else None


def folder_name(description: Mapping[str, Any]) -> str:
    """The name of the folder that holds the features of a spec: the content of its ``spec.json``."""
    text = json.dumps(description, sort_keys=True)
    return f"{description['backbone']}-{digest(text.encode()).hex()}"


@dataclass(frozen=True, kw_only=True)
class BankFolder:
    """The bank of one spec: all entries that were made alike.

    Attributes:
        path: The folder.
        spec: What its features depend on.
        entries: Its entries' files.
        size: Bytes on disk.
        used: When a run last used it, in seconds since the epoch.
    """

    path: Path
    spec: dict[str, Any]
    entries: list[Path]
    size: int
    used: float

    def leftovers(self) -> list[Path]:
        """Partly written files of processes that were killed."""
        now = time.time()
        pattern = f".*{PARTIAL_SUFFIX}*"  # older versions wrote .NAME.part, this one .part.npy
        files = (*self.path.glob(pattern), *self.path.glob(f"??/{pattern}"))
        return [file for file in files if now - file.stat().st_mtime > ABANDONED]


def default_cache() -> Path:
    """Where runs keep the bank unless they are told otherwise."""
    return Path(os.environ.get("IRP_CACHE") or "~/.cache/irp_lightning").expanduser()


def find_banks(cache: Path) -> list[BankFolder]:
    """The banks below a cache folder; what is no bank is left alone.

    Raises:
        InputError: The folder is not there.
    """
    if not cache.is_dir():
        raise InputError(f"{cache} is not a folder; give --cache-dir, or set IRP_CACHE")
    found = []
    for spec in sorted(cache.glob("*/spec.json")):
        try:
            content = json.loads(spec.read_text(encoding="utf-8"))
            if spec.parent.name != folder_name(content):
                continue
        except (OSError, ValueError, TypeError, KeyError):
            continue
        entries = sorted(spec.parent.glob("??/[!.]*.npy"))
        size = sum(file.stat().st_size for file in entries)
        found.append(
            BankFolder(
                path=spec.parent, spec=content, entries=entries, size=size, used=spec.stat().st_mtime
            )
        )
    return found


def verify(bank: BankFolder) -> list[Path]:
    """The damaged entries of a bank."""
    return [file for file in bank.entries if not _is_sound(file)]


def prune(bank: BankFolder, unused_days: float | None) -> int:
    """Remove damaged entries and leftovers, or all of a bank that nobody has used for so long.

    Returns:
        Bytes freed.
    """
    if unused_days is not None and time.time() - bank.used > unused_days * DAY:
        for file in (*bank.entries, *bank.leftovers(), bank.path / "spec.json"):
            file.unlink(missing_ok=True)
        for path in (*bank.path.glob("??"), bank.path):
            with contextlib.suppress(OSError):  # somebody put something else there: it stays
                path.rmdir()
        return bank.size
    freed = 0
    for file in (*verify(bank), *bank.leftovers()):
        freed += file.stat().st_size
        file.unlink(missing_ok=True)
    return freed


def _is_sound(file: Path) -> bool:
    try:
        return checked(file.read_bytes()) is not None
    except OSError:
        return False
