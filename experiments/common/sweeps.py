"""The product's own sweeps: their commands, and the records that they leave behind."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.record import Record, find_records

__all__ = ["command", "printable", "records", "run"]


def command(overrides: Sequence[str]) -> list[str]:
    """What starts a sweep."""
    return [sys.executable, "-m", "irp_lightning.run", "-m", *overrides]


def printable(overrides: Sequence[str]) -> str:
    """A sweep's command to copy into a shell."""
    return shlex.join(["python", "-m", "irp_lightning.run", "-m", *overrides])


def run(sweeps: Sequence[Sequence[str]], dry_run: bool) -> int:
    """Print the command of each sweep and, but for a dry run, run it; returns how many failed.

    Complete cells are skipped, so the same call goes on where it was stopped.
    """
    failed = 0
    for overrides in sweeps:
        print(printable(overrides), flush=True)
        if not dry_run:
            failed += subprocess.run(command(overrides), check=False).returncode != 0
    return failed


def records(folder: Path) -> list[Record]:
    """The finished runs below a folder, sorted by path; none where there is no run yet."""
    try:
        return find_records(folder).records
    except InputError:
        return []
