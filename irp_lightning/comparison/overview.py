"""Every detector, noise level and method on a line: what the console shows."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.table import Entry, Table, mean_sd, number, parts, records, spread, text
from irp_lightning.comparison.values import ORACLE, VANILLA
from irp_lightning.evaluation.gap_closure import LEAST_GAP, gap_closure

__all__ = ["gap_closures", "overview"]

RECORD = (
    *("dataset", "detector", "noise", "method", "runs", "image_auroc_mean", "image_auroc_sd"),
    *("gap_closed_mean", "gap_closed_sd", "gap_closed_runs"),
    *("removed_bad", "injected", "removed_good", "normal", "rounds"),
)


def gap_closures(runs: Sequence[Run]) -> dict[Path, float]:
    """The gap closure of every run that has a vanilla run and an oracle beside it, by its folder."""
    areas = {(run.setting, run.seen, run.method): run.auroc for run in runs}
    found = {}
    for run in runs:
        vanilla, oracle = (areas.get((run.setting, run.seen, method)) for method in (VANILLA, ORACLE))
        closed = gap_closure(run.auroc, vanilla, oracle)
        if closed is not None:
            found[run.folder] = closed
    return found


def overview(runs: Sequence[Run]) -> Table:
    """One line per dataset, detector, noise level and method: mean ± sd over classes and seeds."""
    closures = gap_closures(runs)
    lines = defaultdict(list)
    for run in runs:
        lines[run.dataset, run.detector, run.noise, run.method].append(run)
    found = records(RECORD, [_figures(lines[key], closures) for key in sorted(lines)])
    rows = [_row(line) for line in found]
    return Table(
        name="overview",
        title="Overview",
        caption=(
            "± is the sample standard deviation over all runs of a line, classes and seeds together. "
            "Gap closed: (AUROC − vanilla) / (oracle − vanilla) of the same class, noise and seed, over "
            f"the runs that have both beside them and where noise costs at least {LEAST_GAP} AUROC. "
            "Removals are summed over the runs of a line."
        ),
        columns=(
            *("dataset", "detector", "noise", "method", "runs", "image AUROC", "gap closed"),
            *("removed bad", "removed good", "rounds"),
        ),
        rows=rows,
        columns_of_records=RECORD,
        records=found,
        breaks=parts(rows, 3),
    )


def _figures(runs: Sequence[Run], closures: Mapping[Path, float]) -> tuple[Any, ...]:
    areas = [run.auroc for run in runs if run.auroc is not None]
    closed = [closures[run.folder] for run in runs if run.folder in closures]
    names = (str(runs[0].dataset), str(runs[0].detector), runs[0].noise, str(runs[0].method))
    counts = (sum(getattr(run, name) for run in runs) for name in RECORD[-5:-1])
    rounds = statistics.fmean(run.rounds for run in runs)
    return (*names, len(runs), *mean_sd(areas), *mean_sd(closed), len(closed), *counts, rounds)


def _row(r: Mapping[str, Any]) -> list[Entry]:
    return [
        text(r["dataset"]),
        text(r["detector"]),
        Entry(f"{r['noise']:g}", r["noise"]),
        text(r["method"]),
        number(r["runs"], 0),
        spread(r["image_auroc_mean"], r["image_auroc_sd"]),
        spread(r["gap_closed_mean"], r["gap_closed_sd"]),
        Entry(f"{r['removed_bad']} of {r['injected']}", r["removed_bad"]),
        Entry(f"{r['removed_good']} of {r['normal']}", r["removed_good"]),
        number(r["rounds"], 1),
    ]
