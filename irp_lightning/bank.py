"""Look after the feature bank: ``python -m irp_lightning.bank list | verify | prune``."""

import argparse
import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from irp_lightning.foundation.errors import InputError
from irp_lightning.features.bank import PARTIAL_SUFFIX, folder_name, is_sound

__all__ = ["Folder", "default_cache", "folders", "main", "prune", "verify"]

DAY = 86_400
ABANDONED = 3_600
"""Seconds after which a partly written file belongs to nobody any more."""


@dataclass(frozen=True)
class Folder:
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
        files = (*self.path.glob(f".*{PARTIAL_SUFFIX}"), *self.path.glob(f"??/.*{PARTIAL_SUFFIX}"))
        return [file for file in files if now - file.stat().st_mtime > ABANDONED]


def default_cache() -> Path:
    """Where runs keep the bank unless they are told otherwise."""
    return Path(os.environ.get("IRP_CACHE") or "~/.cache/irp_lightning").expanduser()


def folders(cache: Path) -> list[Folder]:
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
        entries = sorted(spec.parent.glob("??/*.npy"))
        size = sum(file.stat().st_size for file in entries)
        found.append(Folder(spec.parent, content, entries, size, spec.stat().st_mtime))
    return found


def verify(folder: Folder) -> list[Path]:
    """The damaged entries of a bank."""
    return [file for file in folder.entries if not is_sound(file)]


def prune(folder: Folder, unused_days: float | None) -> int:
    """Remove damaged entries and leftovers, or all of a bank that nobody has used for so long.

    Returns:
        Bytes freed.
    """
    if unused_days is not None and time.time() - folder.used > unused_days * DAY:
        for file in (*folder.entries, *folder.leftovers(), folder.path / "spec.json"):
            file.unlink(missing_ok=True)
        for path in (*folder.path.glob("??"), folder.path):
            with contextlib.suppress(OSError):  # somebody put something else there: it stays
                path.rmdir()
        return folder.size
    freed = 0
    for file in (*verify(folder), *folder.leftovers()):
        freed += file.stat().st_size
        file.unlink(missing_ok=True)
    return freed


def table(found: list[Folder]) -> Table:
    """One line per bank."""
    lines = Table()
    lines.add_column("bank", overflow="fold")
    for name in ("backbone", "px", "views", "type", "images", "size", "last used"):
        lines.add_column(name, no_wrap=True)
    for folder in found:
        spec = folder.spec
        lines.add_row(
            folder.path.name,
            str(spec.get("backbone", "?")),
            str(spec.get("image_size", "?")),
            str(len(spec.get("angles", ()))),
            str(spec.get("dtype", "?")),
            str(len(folder.entries)),
            f"{folder.size / 2**20:.1f} MiB",
            time.strftime("%Y-%m-%d", time.localtime(folder.used)),
        )
    return lines


def _days(text: str) -> float:
    days = float(text)
    if not days >= 0:  # nan too
        raise argparse.ArgumentTypeError(f"{text} is not a number of days, 0 or more")
    return days


def main(arguments: list[str] | None = None) -> None:
    """The command line; ``verify`` exits with status 1 if anything is damaged."""
    parser = argparse.ArgumentParser(prog="python -m irp_lightning.bank", description=__doc__)
    parser.add_argument("--cache-dir", type=Path, default=default_cache(), help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every bank, with its size")
    commands.add_parser("verify", help="check every entry against its digest")
    pruning = commands.add_parser("prune", help="remove damaged entries and leftovers of killed runs")
    pruning.add_argument(
        "--unused-days",
        type=_days,
        metavar="N",
        help="also whole banks not used for N days (0: all)",
    )
    chosen = parser.parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False)
    try:
        found = folders(chosen.cache_dir.expanduser())
    except InputError as error:
        raise SystemExit(f"irp_lightning: {error}") from None
    if chosen.command == "list":
        console.print(table(found))
        total = sum(folder.size for folder in found)
        console.print(f"{total / 2**20:.1f} MiB in {chosen.cache_dir}", markup=False)
    elif chosen.command == "verify":
        damaged = {folder.path: verify(folder) for folder in found}
        for files in damaged.values():
            for file in files:
                console.print(f"damaged: {file}", markup=False)
        count = sum(map(len, damaged.values()))
        console.print(f"{sum(len(f.entries) for f in found)} entries, {count} damaged")
        if count:
            console.print("damaged entries are made again by the next run that needs them")
            raise SystemExit(1)
    else:
        freed = sum(prune(folder, chosen.unused_days) for folder in found)
        console.print(f"{freed / 2**20:.1f} MiB freed in {chosen.cache_dir}", markup=False)


if __name__ == "__main__":
    main()
