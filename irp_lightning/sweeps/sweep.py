"""A sweep as a whole: checked before its first cell, told at its end."""

import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from irp_lightning.sweeps.cells import list_cells
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.processes import is_distributed
from irp_lightning.runs.run_folder import RunFolder, read_json
from irp_lightning.runs.resume import check_ours, is_failure

__all__ = ["SweepStart", "check_launcher", "print_outcomes", "record"]

OUTCOMES = ".outcomes"
"""Below the sweep folder, for each command that is at work there: how it went with each cell."""


@dataclass(frozen=True)
class _Sweep:
    folder: Path
    outcomes: Path
    cells: list[str] | None  # None: found on the way, as by a sweeper that searches


_started: list[_Sweep] = []


class SweepStart(Callback):
    """Hydra callback: refuses a sweep that cannot go well, before its first cell."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the launcher and the cells' folders.

        Raises:
            SystemExit: With one line; Hydra would swallow any other exception here.
        """
        hydra = config.hydra
        folder = Path(hydra.sweep.dir)
        try:
            check_launcher(config.trainer, hydra.launcher)
            cells = _planned(hydra)
        except InputError as error:
            raise SystemExit(f"irp_lightning: {error}") from None
        if config.sweep.objective == "image_auroc" and cells is None:
            print(
                "sweep.objective=image_auroc: this search looks at the test labels. What it finds is "
                "tuned on the test set and no result; separation needs no label."
            )
        print(f"sweep folder {folder}" + (f", {len(cells)} cells" if cells else ""))
        # Looked up here, it is the same for all cells.
        _started.append(_Sweep(folder, folder / OUTCOMES / config.sweep.command, cells))


def check_launcher(trainer: DictConfig, launcher: DictConfig) -> None:
    """Refuse to sweep runs of several processes with a launcher that would mix them up.

    Raises:
        InputError: The launcher starts one process a cell: Lightning would start the others by
            repeating the whole sweep.
    """
    if not is_distributed(trainer):
        return
    if not str(launcher.get("_target_")).endswith(".SlurmLauncher"):
        raise InputError(
            f"trainer.strategy={trainer.strategy} in a sweep: each of its processes would repeat the "
            "whole sweep; use hydra/launcher=slurm hydra.launcher.tasks_per_node=N, or run single cells"
        )
    if launcher.tasks_per_node != trainer.devices:
        raise InputError(
            f"hydra.launcher.tasks_per_node={launcher.tasks_per_node} is not trainer.devices="
            f"{trainer.devices}: Slurm starts the processes; set both to the same number"
        )


def _planned(hydra: DictConfig) -> list[str] | None:
    sweep: Any = OmegaConf.to_container(hydra.sweep, resolve=False)
    if not str(hydra.sweeper._target_).endswith(".BasicSweeper") or "cell_name" not in sweep["subdir"]:
        return None
    if any("${" in override for override in hydra.overrides.task):  # known in each cell alone
        return None
    params = [f"{key}={value}" for key, value in (hydra.sweeper.params or {}).items()]
    left_out = hydra.job.config.override_dirname.exclude_keys
    return list_cells([*params, *hydra.overrides.task], left_out)


def record(folder: Path, command: str, outcome: Mapping[str, Any]) -> None:
    """Note how a cell went: for the table at the end and, if no run began, in the cell's folder.

    Args:
        folder: The cell's.
        command: ``sweep.command``.
        outcome: ``status`` (complete, skipped or failed), and ``error`` if it failed.
    """
    hydra = HydraConfig.get()
    sweep = Path(hydra.runtime.cwd, hydra.sweep.dir)
    RunFolder(sweep / OUTCOMES / command).json(f"{hydra.sweep.subdir}.json", outcome)
    if outcome["status"] == "failed":
        cell = RunFolder(folder)
        with suppress(InputError), cell.locked():  # or another process is at work there
            check_ours(folder)
            if is_failure(folder) or not (folder / "metrics.json").exists():
                cell.json("metrics.json", outcome)


def print_outcomes() -> bool:
    """Print, after a sweep, every cell with what became of it.

    Returns:
        Whether all cells are complete; true where there was no sweep.
    """
    good = True
    while _started:
        sweep = _started.pop()
        found = {
            str(file.relative_to(sweep.outcomes))[: -len(".json")]: read_json(file)
            for file in sorted(sweep.outcomes.rglob("*.json"))
        }
        planned = sweep.cells or []
        if found or any((sweep.folder / name / "config.yaml").exists() for name in planned):
            good &= _print(sweep, {name: found.get(name, {}) for name in planned or found})
        shutil.rmtree(sweep.outcomes, ignore_errors=True)
        with suppress(OSError):  # another command is at work here
            (sweep.folder / OUTCOMES).rmdir()
    return good


def _print(sweep: _Sweep, outcomes: Mapping[str, Mapping[str, Any]]) -> bool:
    table = Table("cell", "outcome", "image AUROC", "why", box=None, pad_edge=False)
    counts: Counter[str] = Counter()
    for name, outcome in outcomes.items():
        metrics = read_json(sweep.folder / name / "metrics.json")
        status = outcome.get("status") or metrics.get("status")
        if status is None:  # killed, or never begun
            begun = (sweep.folder / name / "config.yaml").exists()
            status = "stopped" if begun else "not run"
        counts[status] += 1
        area = metrics.get("image_auroc")
        shown = f"{area:.4f}" if area is not None and status in ("complete", "skipped") else ""
        table.add_row(name, status, shown, outcome.get("error", ""))
    console = Console(soft_wrap=True, markup=False, highlight=False, width=_width(table))
    console.print(table)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    console.print(f"{counts.total()} cells: {told}; in {sweep.folder}")
    return counts.keys() <= {"complete", "skipped"}


def _width(table: Table) -> int:
    """Wide enough for rows without breaks, whatever a pipe or a narrow terminal says."""
    return max(Console().width, Console(width=10_000).measure(table).maximum)
