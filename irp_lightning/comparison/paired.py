"""Paired tests between methods: runs that are equal in all but the method."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from scipy import stats

from irp_lightning.comparison.budget import LONGER
from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.table import (
    NOTHING,
    Entry,
    Table,
    mean_sd,
    number,
    parts,
    records,
    signed,
    text,
)
from irp_lightning.comparison.values import ORACLE, Method

__all__ = ["Comparison", "compare_differences", "holm", "paired_table"]

LEAST_PAIRS = 6
"""Of five pairs, the signed-rank test's smallest two-sided p-value is 0.0625."""

LEAST_CLASSES = LEAST_PAIRS
"""From so many classes on, a class is one pair; below, a class and seed."""

RECORD = (
    *("dataset", "detector", "noise", "method", "against", "pairs", "unit", "difference"),
    *("interval_low", "interval_high", "p", "p_holm", "not_tested_because", "on_other_images"),
    "epochs_differ",
)

NOTE = (
    f"{LONGER} The two were trained for different numbers of epochs in some pairs: part of the "
    "difference may be the training and not the removal."
)

Places = dict[tuple[str, float, int, tuple[str, str]], Run]  # a run's place → the run, with an AUROC


@dataclass(frozen=True)
class Comparison:
    """The differences of two methods.

    Attributes:
        n: How many pairs.
        mean: Mean difference; None of no pair.
        interval: 95 % confidence interval of the mean (t); None of fewer than two pairs.
        p: Of the Wilcoxon signed-rank test, two-sided; None where it is not tested.
        reason: Why it is not.
    """

    n: int
    mean: float | None
    interval: tuple[float, float] | None
    p: float | None
    reason: str = ""


def compare_differences(differences: Sequence[float]) -> Comparison:
    """Compare two methods by their differences, one a pair."""
    n = len(differences)
    mean, sd = mean_sd(differences)
    interval = None
    if mean is not None and sd is not None:
        half = stats.t.ppf(0.975, n - 1) * sd / n**0.5
        interval = (mean - half, mean + half)
    # Pairs without a difference have no sign: the test leaves them out.
    unequal = [d for d in differences if d]
    if n < LEAST_PAIRS:
        return Comparison(n, mean, interval, None, f"fewer than {LEAST_PAIRS} pairs")
    if len(unequal) < LEAST_PAIRS:
        return Comparison(n, mean, interval, None, f"fewer than {LEAST_PAIRS} pairs differ")
    return Comparison(n, mean, interval, float(stats.wilcoxon(unequal).pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for as many comparisons, in the order given.

    Holm: *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics
    1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected


def paired_table(runs: Sequence[Run]) -> Table:
    """Every pair of methods on every dataset and detector, at noise 0 and above it."""
    families: dict[tuple[Any, ...], dict[Method, Places]] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        if run.auroc is not None:
            family = run.dataset, run.detector, run.noise > 0
            families[family][run.method][run.place] = run
    found = []
    for key in sorted(families):
        dataset, detector, noisy = key
        names = (str(dataset), str(detector), "> 0 %" if noisy else "0 %")
        found += [(*names, *figures) for figures in _family(families[key])]
    lines = records(RECORD, found)
    rows = [_row(line) for line in lines]
    return Table(
        name="paired",
        title="Paired tests",
        caption=(
            "Runs that are equal in all but the removal method (class, noise, seed, detector, data) and "
            "saw the same images; cells of other images are counted and not paired. "
            "Difference: image AUROC of the first method minus the second's, the mean over the pairs, "
            "with its 95 % confidence interval (t). p: Wilcoxon's signed-rank test, two-sided; Holm: "
            "corrected for all tests of one dataset, detector and side of noise. A pair is a class "
            f"(its mean over seeds and noise levels) from {LEAST_CLASSES} classes on, else a class and "
            "seed (its mean over noise levels). Seeds of one class share images: as pairs they are not "
            "independent, so their intervals are too narrow and their p-values too small. Below "
            f"{LEAST_PAIRS} pairs there is no test."
        ),
        columns=(
            *("dataset", "detector", "noise", "method", "against", "pairs", "difference"),
            *("95 % interval", "p", "p (Holm)"),
        ),
        rows=rows,
        columns_of_records=RECORD,
        records=lines,
        notes=[NOTE] if any(line["epochs_differ"] for line in lines) else [],
        breaks=parts(rows, 3),
    )


def _family(methods: dict[Method, Places]) -> list[tuple[Any, ...]]:
    """Both methods and the figures of each comparison, corrected for as many."""
    pairs = combinations(sorted(methods, reverse=True), 2)
    # Between methods first: against the ceiling there is little to learn.
    ordered = sorted(pairs, key=lambda pair: pair[0] == ORACLE)
    compared = []
    for first, second in ordered:
        unit, differences = _differences(methods[first], methods[second])
        apart = _on_other_images(methods[first], methods[second])
        if differences or apart:
            epochs = _of_other_epochs(methods[first], methods[second])
            names = str(first), str(second), unit
            compared.append((*names, apart, epochs, compare_differences(differences)))
    corrected = iter(holm([c.p for *_, c in compared if c.p is not None]))
    return [
        (
            *(first, second, c.n, unit, c.mean, *(c.interval or (None, None)), c.p),
            *(None if c.p is None else next(corrected), c.reason, apart, epochs),
        )
        for first, second, unit, apart, epochs, c in compared
    ]


def _differences(one: Places, other: Places) -> tuple[str, list[float]]:
    """What a pair is, and the difference of each."""
    both = sorted(one.keys() & other.keys())
    by_class = len({category for category, *_ in both}) >= LEAST_CLASSES
    pooled: dict[tuple[str, int | None], list[float]] = defaultdict(list)
    for place in both:
        category, _, seed, _ = place
        pooled[category, None if by_class else seed].append(_difference(one[place], other[place]))
    unit = "classes" if by_class else "classes × seeds"
    return unit, [statistics.fmean(found) for found in pooled.values()]


def _difference(one: Run, other: Run) -> float:
    assert one.auroc is not None  # those without are in no family
    assert other.auroc is not None
    return one.auroc - other.auroc


def _of_other_epochs(one: Places, other: Places) -> int:
    """How many pairs of cells were trained for different numbers of epochs."""
    both = one.keys() & other.keys()
    return sum(one[place].budget.epochs != other[place].budget.epochs for place in both)


def _on_other_images(one: Places, other: Places) -> int:
    """How many cells would pair, had both seen the same images."""
    paired = {place[:3] for place in one.keys() & other.keys()}
    return len(({place[:3] for place in one} & {place[:3] for place in other}) - paired)


def _row(r: dict[str, Any]) -> list[Entry]:
    low, high, apart = r["interval_low"], r["interval_high"], r["on_other_images"]
    left_out = f" ({apart} cell{'s' if apart > 1 else ''} on other images)" if apart else ""
    difference, mark = r["difference"], LONGER if r["epochs_differ"] else ""
    return [
        *(text(r[name]) for name in RECORD[:5]),
        Entry(f"{r['pairs']} {r['unit']}{left_out}", r["pairs"]),
        Entry(NOTHING) if difference is None else Entry(signed(difference) + mark, difference),
        Entry(NOTHING) if low is None else Entry(f"{signed(low)} … {signed(high)}", low),
        Entry(f"{NOTHING} {r['not_tested_because']}") if r["p"] is None else _p(r["p"]),
        number(None) if r["p_holm"] is None else _p(r["p_holm"]),
    ]


def _p(p: float) -> Entry:
    return Entry("< 0.001" if p < 0.001 else f"{p:.3f}", p)
