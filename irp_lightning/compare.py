"""Many runs on one screen: ``python -m irp_lightning.compare FOLDER``, from run folders alone."""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from irp_lightning.errors import InputError
from irp_lightning.reporting.evaluation import gap_closure

__all__ = ["compare", "main", "read_runs"]

Run = dict[str, Any]

USED = {
    *("method", "noise_requested", "noise_achieved", "train_images", "image_auroc", "rounds"),
    *("removed_bad", "removed_good"),
}
"""What the table needs of ``metrics.json``."""

ORDER = ("none", "osr", "irp", "irp_all", "robust", "oracle")

WIDTH = 118
"""Columns that the table takes."""

PAIRED = ("category", "backbone", "model", "contamination", "noise_requested", "seed")
"""Runs that agree in these are compared with each other for the gap closure."""


def read_runs(folder: Path) -> tuple[list[Run], list[Path]]:
    """The metrics of every finished run below a folder, and the folders of all others.

    Raises:
        InputError: There is no run below the folder.
    """
    runs, failed = [], []
    for file in sorted(folder.rglob("metrics.json")):
        try:
            metrics = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            metrics = None
        if isinstance(metrics, dict) and metrics.get("status") == "complete" and metrics.keys() >= USED:
            runs.append({**metrics, "folder": file.parent})
        else:
            failed.append(file.parent)
    if not runs and not failed:
        raise InputError(f"{folder} holds no run (no metrics.json below it); give a run or sweep folder")
    return runs, failed


def mean_sd(values: Sequence[float]) -> str:
    """``mean`` of one value, ``mean ± sample standard deviation`` of several."""
    if not values:
        return "-"
    mean = f"{statistics.fmean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


def gap_closures(runs: Sequence[Run]) -> dict[Path, float]:
    """The gap closure of every run that has a vanilla run and an oracle beside it, by its folder."""
    areas = {(*_pair(run), run["method"]): run["image_auroc"] for run in runs}
    found = {}
    for run in runs:
        vanilla, oracle = (areas.get((*_pair(run), method)) for method in ("none", "oracle"))
        closed = gap_closure(run["image_auroc"], vanilla, oracle)
        if closed is not None:
            found[run["folder"]] = closed
    return found


def _pair(run: Run) -> tuple[Any, ...]:
    return tuple(run.get(key) for key in PAIRED)


def compare(runs: Sequence[Run]) -> Table:
    """One line per detector, noise level and method: mean ± sd over categories and seeds."""
    closures = gap_closures(runs)
    cells: dict[tuple[str, float, int, str], list[Run]] = defaultdict(list)
    for run in runs:
        method = run["method"]
        rank = ORDER.index(method) if method in ORDER else len(ORDER)
        cells[str(run.get("model")), run["noise_requested"], rank, method].append(run)
    table = Table(
        *("detector", "noise", "method", "runs", "image AUROC", "gap closed"),
        *("removed bad", "removed good", "rounds"),
    )
    before: tuple[str, float] | None = None
    for key in sorted(cells):
        (model, noise, _, method), found = key, cells[key]
        if before is not None and (model, noise) != before:
            table.add_section()
        before = model, noise
        injected = sum(round(run["noise_achieved"] * run["train_images"]) for run in found)
        normal = sum(run["train_images"] for run in found) - injected
        table.add_row(
            model,
            f"{noise:g}",
            {"none": "vanilla"}.get(method, method),
            str(len(found)),
            mean_sd([run["image_auroc"] for run in found if run["image_auroc"] is not None]),
            mean_sd([closures[run["folder"]] for run in found if run["folder"] in closures]),
            f"{sum(run['removed_bad'] for run in found)} of {injected}",
            f"{sum(run['removed_good'] for run in found)} of {normal}",
            f"{statistics.fmean(run['rounds'] for run in found):.1f}",
        )
    return table


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m irp_lightning.compare", description=__doc__)
    parser.add_argument("folder", type=Path, help="a sweep folder, or any folder above run folders")
    folder: Path = parser.parse_args(arguments).folder
    try:
        runs, failed = read_runs(folder)
    except InputError as error:
        raise SystemExit(f"irp_lightning: {error}") from None
    # Wide enough for a row without breaks, whatever a pipe or a narrow terminal says.
    console = Console(soft_wrap=True, width=max(WIDTH, Console().width))
    console.print(compare(runs))
    for path in failed:
        console.print(f"failed or unreadable: {path}", markup=False)
    console.print(f"{len(runs)} finished runs below {folder.resolve()}", markup=False)


if __name__ == "__main__":
    main()
