"""The paper's Table 2: how many good and bad images were removed, by class and noise."""

import statistics
from collections import defaultdict
from collections.abc import Sequence

from irp_lightning.comparison.areas import noise_levels
from irp_lightning.comparison.labels import Labelled, base_name, method_rank, percent
from irp_lightning.comparison.table import NOTHING, Cell, Table, text

__all__ = ["removal_table"]

BY_DEFINITION = ("vanilla", "oracle")
"""Methods that remove nothing, or exactly the injected defects."""


def removal_table(runs: Sequence[Labelled]) -> Table:
    """Table 2: a row for every class and method; per noise level the good and the bad removed."""
    runs = [run for run in runs if base_name(run.method) not in BY_DEFINITION]
    levels = noise_levels(runs)
    groups: dict[tuple[str, str, tuple[int, str], str], dict[float, list[Labelled]]] = defaultdict(dict)
    for run in runs:
        key = run.dataset, run.detector, method_rank(run.method), run.run.category
        groups[key].setdefault(run.run.noise, []).append(run)
    rows, records, breaks, before = [], [], [], None
    for key in sorted(groups):
        dataset, detector, (_, method), category = key
        if before not in (None, key[:2]):
            breaks.append(len(rows))
        before = key[:2]
        names = (dataset, detector, method, category)
        cells: list[Cell] = []
        for noise in levels:
            found = [run.run for run in groups[key].get(noise, [])]
            if not found:
                cells += [Cell(NOTHING)] * 2
                continue
            good, bad = ([getattr(run, name) for run in found] for name in COUNTS)
            injected = statistics.fmean(run.injected for run in found)
            mean = statistics.fmean(bad)
            cells += [
                Cell(_count(statistics.fmean(good)), statistics.fmean(good)),
                Cell(f"{_count(mean)} of {_count(injected)}", mean),
            ]
            sds = (statistics.stdev(v) if len(v) > 1 else None for v in (good, bad))
            figures = (statistics.fmean(good), mean, *sds, injected, len(found))
            records.append(dict(zip(RECORD, (*names, noise, *figures), strict=True)))
        rows.append([*map(text, names), *cells])
    headings = (f"{percent(noise)} {kind}" for noise in levels for kind in ("good", "bad"))
    return Table(
        name="table2",
        title="Table 2: images removed",
        caption=(
            "Normal (good) and defective (bad) training images removed, and how many defective ones "
            "there were: the mean over the seeds (their number and the standard deviations are in "
            "table2.csv). Vanilla removes none and the oracle exactly the defective ones: both are "
            "left out."
        ),
        columns=("dataset", "detector", "method", "class", *headings),
        rows=rows,
        columns_of_records=RECORD,
        records=records,
        breaks=frozenset(breaks),
    )


COUNTS = ("removed_good", "removed_bad")
RECORD = (
    *("dataset", "detector", "method", "class", "noise", "good_mean", "bad_mean", "good_sd", "bad_sd"),
    *("injected_mean", "seeds"),
)


def _count(mean: float) -> str:
    return f"{mean:.0f}" if mean == int(mean) else f"{mean:.1f}"
