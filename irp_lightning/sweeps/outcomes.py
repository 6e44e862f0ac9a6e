"""Outcomes of a sweep's cells: recorded by each cell's process, reported at the end."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from rich.table import Table

from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.folder import CONFIG, METRICS, RunFolder, read_json
from irp_lightning.runs.session import check_ours, is_failure
from irp_lightning.runs.summary import print_wide

__all__ = ["Sweep", "expect", "note", "print_outcomes"]

OUTCOMES = ".outcomes"
"""Below the sweep folder, for each command that is at work there: how it went with each cell."""


@dataclass(frozen=True)
class Sweep:
    """A sweep that one command began.

    Attributes:
        folder: Holds the cells.
        command: ``sweep.command``.
        cells: By folder, the overrides without effect of each job that the cell stands for; None: found
            on the way, as by a sweeper that searches.
    """

    folder: Path
    command: str
    cells: Mapping[str, Sequence[Sequence[str]]] | None

    @property
    def outcomes(self) -> Path:
        """Where outcomes are noted while it runs."""
        return self.folder / OUTCOMES / self.command


_expected: list[Sweep] = []


def expect(sweep: Sweep) -> None:
    """Remember that :func:`print_outcomes` is to tell of a sweep."""
    _expected.append(sweep)


def note(folder: Path, command: str, outcome: Mapping[str, Any]) -> None:
    """Note how a cell went: for the table at the end and, if no run began, in the cell's folder.

    Args:
        folder: The cell's.
        command: ``sweep.command``.
        outcome: ``status`` (complete, skipped or failed), and ``error`` if it failed.
    """
    hydra = HydraConfig.get()
    sweep = Sweep(Path(hydra.runtime.cwd, hydra.sweep.dir), command, None)
    name = f"{hydra.sweep.subdir}.json"
    # A cell that this very command has computed already, for another job that it stands for.
    if outcome["status"] != "skipped" or not (sweep.outcomes / name).exists():
        RunFolder(sweep.outcomes).json(name, outcome)
    if outcome["status"] == "failed":
        cell = RunFolder(folder)
        with suppress(InputError), cell.locked():  # or another process is at work there
            check_ours(folder)
            if is_failure(folder) or not (folder / METRICS).exists():
                cell.json(METRICS, outcome)


def print_outcomes() -> bool:
    """Print, after a sweep, every cell with what became of it.

    Returns:
        Whether all cells are complete; true where there was no sweep.
    """
    good = True
    while _expected:
        sweep = _expected.pop()
        found = {
            str(file.relative_to(sweep.outcomes))[: -len(".json")]: read_json(file)
            for file in sorted(sweep.outcomes.rglob("*.json"))
        }
        planned = list(sweep.cells or [])
        if found or any((sweep.folder / name / CONFIG).exists() for name in planned):
            good &= _print(sweep, {name: found.get(name, {}) for name in planned or found})
        shutil.rmtree(sweep.outcomes, ignore_errors=True)
        with suppress(OSError):  # another command is at work here
            (sweep.folder / OUTCOMES).rmdir()
    return good


def _print(sweep: Sweep, outcomes: Mapping[str, Mapping[str, Any]]) -> bool:
    table = Table("cell", "outcome", "image AUROC", "why", box=None, pad_edge=False)
    counts: Counter[str] = Counter()
    for name, outcome in outcomes.items():
        metrics = read_json(sweep.folder / name / METRICS)
        status = outcome.get("status") or metrics.get("status")
        if status is None:  # killed, or never begun
            begun = (sweep.folder / name / CONFIG).exists()
            status = "stopped" if begun else "not run"
        counts[status] += 1
        area = metrics.get("image_auroc")
        shown = f"{area:.4f}" if area is not None and status in ("complete", "skipped") else ""
        why = [outcome.get("error", ""), _stands_for((sweep.cells or {}).get(name, ()))]
        table.add_row(name, status, shown, "; ".join(filter(None, why)))
    print_wide(table)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"{counts.total()} cells: {told}; in {sweep.folder}")
    return counts.keys() <= {"complete", "skipped"}


def _stands_for(jobs: Sequence[Sequence[str]]) -> str:
    idle = [" ".join(job) for job in jobs if job]
    return f"stands for {', '.join(idle)}, which changes nothing here" if len(jobs) > 1 else ""
