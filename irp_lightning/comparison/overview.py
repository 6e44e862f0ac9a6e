"""Every detector, noise level and method on a line: what the console shows."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from irp_lightning.comparison.budget import LONGER, marks, notes, remark
from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.table import Entry, Table, mean_sd, number, parts, records, spread, text
from irp_lightning.comparison.values import ORACLE, VANILLA
from irp_lightning.evaluation.gap_closure import LEAST_GAP, gap_closure

__all__ = ["gap_closures", "overview"]

RECORD = (
    *("dataset", "detector", "noise", "method", "runs", "image_auroc_mean", "image_auroc_sd"),
    *("gap_closed_mean", "gap_closed_sd", "gap_closed_runs"),
    *("removed_bad", "injected", "removed_good", "normal", "rounds"),
    *("epochs_trained_mean", "marks", "gap_closed_marks", "remarks"),
)
COUNTS = ("removed_bad", "injected", "removed_good", "normal")


def gap_closures(runs: Sequence[Run]) -> dict[Path, float]:
    """The gap closure of every run that has a vanilla run and an oracle beside it, by its folder.

    A run with ``references=matched`` has it from references of its own, trained for as many epochs.
    """
    areas = {(run.setting, run.seen, run.method): run.auroc for run in runs}
    found = {}
    for run in runs:
        vanilla, oracle = (areas.get((run.setting, run.seen, method)) for method in (VANILLA, ORACLE))
        if run.has_matched_references:
            vanilla, oracle = (run.record.metrics.get(f"{name}_auroc") for name in ("vanilla", "oracle"))
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
    columns: Sequence[str] = (
        *("dataset", "detector", "noise", "method", "runs", "image AUROC", "gap closed"),
        *("removed bad", "removed good", "rounds", "epochs", "remarks"),
    )
    if not any(line["remarks"] for line in found):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    return Table(
        name="overview",
        title="Overview",
        caption=(
            "± is the sample standard deviation over all runs of a line, classes and seeds together. "
            "Gap closed: (AUROC − vanilla) / (oracle − vanilla) of the same class, noise and seed, over "
            f"the runs that have both beside them and where noise costs at least {LEAST_GAP} AUROC. "
            "Removals are summed over the runs of a line. Epochs: how long the final detector was "
            "trained; vanilla and the oracle are trained alike."
        ),
        columns=columns,
        rows=rows,
        columns_of_records=RECORD,
        records=found,
        notes=notes("".join(line["marks"] for line in found)),
        breaks=parts(rows, 3),
    )


def _figures(runs: Sequence[Run], closures: Mapping[Path, float]) -> tuple[Any, ...]:
    areas = [run.auroc for run in runs if run.auroc is not None]
    closed = [closures[run.folder] for run in runs if run.folder in closures]
    names = (str(runs[0].dataset), str(runs[0].detector), runs[0].noise, str(runs[0].method))
    counts = (sum(getattr(run, name) for run in runs) for name in COUNTS)
    rounds = statistics.fmean(run.rounds for run in runs)
    budgets = [run.budget for run in runs]
    epochs, marked = statistics.fmean(budget.epochs for budget in budgets), marks(budgets)
    is_matched = all(run.has_matched_references for run in runs if run.folder in closures)
    return (
        *(*names, len(runs), *mean_sd(areas), *mean_sd(closed), len(closed), *counts, rounds, epochs),
        *(marked, marked.replace(LONGER, "") if is_matched else marked, remark(budgets)),
    )


def _row(r: Mapping[str, Any]) -> list[Entry]:
    return [
        text(r["dataset"]),
        text(r["detector"]),
        Entry(f"{r['noise']:g}", r["noise"]),
        text(r["method"]),
        number(r["runs"], 0),
        spread(r["image_auroc_mean"], r["image_auroc_sd"], r["marks"]),
        spread(r["gap_closed_mean"], r["gap_closed_sd"], r["gap_closed_marks"]),
        Entry(f"{r['removed_bad']} of {r['injected']}", r["removed_bad"]),
        Entry(f"{r['removed_good']} of {r['normal']}", r["removed_good"]),
        number(r["rounds"], 1),
        number(r["epochs_trained_mean"], 0),
        text(r["remarks"]),
    ]
