"""Every detector, noise level and method on a line: what the console shows."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.comparison.labels import Labelled, base_name, method_rank
from irp_lightning.comparison.table import Cell, Table, mean_sd, number, text
from irp_lightning.evaluation.gap_closure import LEAST_GAP, gap_closure

__all__ = ["gap_closures", "overview"]


def gap_closures(runs: Sequence[Labelled]) -> dict[Path, float]:
    """The gap closure of every run that has a vanilla run and an oracle beside it, by its folder."""
    areas = {(run.setting, base_name(run.method)): run.run.auroc for run in runs}
    found = {}
    for run in runs:
        vanilla, oracle = (areas.get((run.setting, method)) for method in ("vanilla", "oracle"))
        closed = gap_closure(run.run.auroc, vanilla, oracle)
        if closed is not None:
            found[run.run.folder] = closed
    return found


def overview(runs: Sequence[Labelled]) -> Table:
    """One line per dataset, detector, noise level and method: mean ± sd over classes and seeds."""
    closures = gap_closures(runs)
    groups: dict[tuple[str, str, float, tuple[int, str]], list[Labelled]] = defaultdict(list)
    for run in runs:
        groups[run.dataset, run.detector, run.run.noise, method_rank(run.method)].append(run)
    rows, records, breaks, before = [], [], [], None
    for key in sorted(groups):
        dataset, detector, noise, (_, method) = key
        group = [run.run for run in groups[key]]
        areas = [run.auroc for run in group if run.auroc is not None]
        closed = [closures[run.folder] for run in group if run.folder in closures]
        bad, good = sum(run.removed_bad for run in group), sum(run.removed_good for run in group)
        injected, normal = sum(run.injected for run in group), sum(run.normal for run in group)
        rounds = statistics.fmean(run.rounds for run in group)
        if before not in (None, key[:3]):
            breaks.append(len(rows))
        before = key[:3]
        rows.append(
            [
                text(dataset),
                text(detector),
                Cell(f"{noise:g}", noise),
                text(method),
                number(len(group), 0),
                mean_sd(areas),
                mean_sd(closed),
                Cell(f"{bad} of {injected}", bad),
                Cell(f"{good} of {normal}", good),
                number(rounds, 1),
            ]
        )
        records.append(
            {
                "dataset": dataset,
                "detector": detector,
                "noise": noise,
                "method": method,
                "runs": len(group),
                "image_auroc_mean": statistics.fmean(areas) if areas else None,
                "image_auroc_sd": statistics.stdev(areas) if len(areas) > 1 else None,
                "gap_closed_mean": statistics.fmean(closed) if closed else None,
                "gap_closed_sd": statistics.stdev(closed) if len(closed) > 1 else None,
                "gap_closed_runs": len(closed),
                "removed_bad": bad,
                "injected": injected,
                "removed_good": good,
                "normal": normal,
                "rounds": rounds,
            }
        )
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
        columns_of_records=tuple(records[0]) if records else (),
        records=records,
        breaks=frozenset(breaks),
    )
