"""The paper's Table 2: how many good and bad images were removed, by class and noise."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from irp_lightning.comparison.areas import noise_levels
from irp_lightning.comparison.names import percent
from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.table import NOTHING, Entry, Table, mean_sd, parts, records, text
from irp_lightning.comparison.values import ORACLE, VANILLA

__all__ = ["removal_table"]

COUNTS = ("removed_good", "removed_bad")
RECORD = (
    *("dataset", "detector", "method", "class", "noise", "good_mean", "bad_mean", "good_sd", "bad_sd"),
    *("injected_mean", "seeds"),
)


def removal_table(runs: Sequence[Run]) -> Table:
    """Table 2: a row for every class and method; per noise level the good and the bad removed."""
    # Vanilla and the oracle remove by definition.
    runs = [run for run in runs if run.method not in (VANILLA, ORACLE)]
    levels = noise_levels(runs)
    lines: dict[tuple[Any, ...], dict[float, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        lines[run.dataset, run.detector, run.method, run.category][run.noise].append(run)
    figures = [
        (tuple(map(str, key)), {noise: _figures(lines[key][noise]) for noise in sorted(lines[key])})
        for key in sorted(lines)
    ]
    rows = [
        [*map(text, names), *(entry for noise in levels for entry in _entries(found.get(noise)))]
        for names, found in figures
    ]
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
        records=records(
            RECORD, [(*names, noise, *f) for names, found in figures for noise, f in found.items()]
        ),
        breaks=parts(rows, 2),
    )


def _figures(runs: Sequence[Run]) -> tuple[Any, ...]:
    means, sds = zip(*(mean_sd([getattr(run, name) for run in runs]) for name in COUNTS), strict=True)
    return *means, *sds, statistics.fmean(run.injected for run in runs), len(runs)


def _entries(figures: tuple[Any, ...] | None) -> list[Entry]:
    if figures is None:
        return [Entry(NOTHING)] * 2
    good, bad, _, _, injected, _ = figures
    return [Entry(_count(good), good), Entry(f"{_count(bad)} of {_count(injected)}", bad)]


def _count(mean: float) -> str:
    return f"{mean:.0f}" if mean == int(mean) else f"{mean:.1f}"
