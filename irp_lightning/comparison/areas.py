"""The paper's Table 1: AUROC of every class, and of every method over the classes, against noise."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from irp_lightning.comparison.budget import Budget, marks, notes, remark
from irp_lightning.comparison.names import percent
from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.table import NOTHING, Entry, Table, mean_sd, parts, records, spread, text
from irp_lightning.comparison.values import Method

__all__ = ["Areas", "Mean", "area_table", "mean_over", "noise_levels"]

Part = tuple[str, int]  # a class and a seed

MARK = "†"
MOST_NOTES = 12
RECORD = (
    *("part", "dataset", "detector", "class", "method", "noise"),
    *("image_auroc_mean", "image_auroc_sd", "seeds", "classes", "missing", "remarks"),
)


@dataclass(frozen=True)
class Mean:
    """A mean over classes of means over seeds.

    Attributes:
        mean: In [0, 1].
        sd: Sample standard deviation over seeds of a seed's mean over classes; None of one seed.
        seeds: How many seeds that is of: those that have every class.
        classes: How many classes the mean is of.
        missing: The classes and seeds that are not in it, though others have them.
        budgets: What the runs spent that it is of.
    """

    mean: float
    sd: float | None
    seeds: int
    classes: int
    missing: tuple[Part, ...]
    budgets: tuple[Budget, ...] = ()

    @property
    def marks(self) -> str:
        """Its footnote marks."""
        return (MARK if self.missing else "") + marks(self.budgets)

    @property
    def lacks(self) -> str:
        """The missing classes and seeds, in words."""
        by_class: dict[str, list[int]] = defaultdict(list)
        for category, seed in self.missing:
            by_class[category].append(seed)
        return "; ".join(f"{c} without seed {', '.join(map(str, s))}" for c, s in by_class.items())


def mean_over(values: dict[Part, float], expected: Iterable[Part]) -> Mean | None:
    """Average over the seeds of each class, then over classes; None of no value.

    Args:
        values: AUROC by class and seed.
        expected: All classes and seeds that should be there.
    """
    if not values:
        return None
    by_class: dict[str, list[float]] = defaultdict(list)
    by_seed: dict[int, list[float]] = defaultdict(list)
    for (category, seed), value in sorted(values.items()):
        by_class[category].append(value)
        by_seed[seed].append(value)
    whole = [statistics.fmean(found) for found in by_seed.values() if len(found) == len(by_class)]
    return Mean(
        mean=statistics.fmean(statistics.fmean(found) for found in by_class.values()),
        sd=mean_sd(whole)[1],
        seeds=len(whole),
        classes=len(by_class),
        missing=tuple(sorted(set(expected) - set(values))),
    )


def noise_levels(runs: Iterable[Run]) -> list[float]:
    """The noise levels of some runs, lowest first."""
    return sorted({run.noise for run in runs})


class Areas:
    """AUROC by method, noise level, class and seed, of one dataset and one detector.

    Args:
        runs: Theirs, no two equal in everything.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.dataset, self.detector = runs[0].dataset, runs[0].detector
        self.categories = sorted({run.category for run in runs})
        self.methods = sorted({run.method for run in runs})
        self.levels = noise_levels(runs)
        self._seeds: dict[float, set[int]] = defaultdict(set)
        self._values: dict[tuple[Method, float], dict[Part, float]] = defaultdict(dict)
        self._budgets: dict[tuple[Method, float, str], list[Budget]] = defaultdict(list)
        for run in runs:
            self._seeds[run.noise].add(run.seed)
            if run.auroc is not None:
                self._values[run.method, run.noise][run.category, run.seed] = run.auroc
                self._budgets[run.method, run.noise, run.category].append(run.budget)

    @classmethod
    def of_each(cls, runs: Iterable[Run]) -> list["Areas"]:
        """One for each dataset and detector, sorted."""
        groups = defaultdict(list)
        for run in runs:
            groups[run.dataset, run.detector].append(run)
        return [cls(groups[key]) for key in sorted(groups)]

    def mean(self, method: Method, noise: float, categories: Sequence[str]) -> Mean | None:
        """Of some classes; what any method has at this noise level is expected of all."""
        values = self._values.get((method, noise), {})
        expected = [(category, seed) for category in categories for seed in self._seeds[noise]]
        mean = mean_over({k: v for k, v in values.items() if k[0] in categories}, expected)
        budgets = (b for c in categories for b in self._budgets.get((method, noise, c), ()))
        return mean and replace(mean, budgets=tuple(budgets))


@dataclass(frozen=True)
class _Line:
    names: tuple[str, ...]  # dataset, detector, class, method
    whole: bool  # over all classes
    means: dict[float, Mean]  # by noise


def area_table(runs: Sequence[Run]) -> Table:
    """Table 1: a row for every class and method, then one for every method over the classes."""
    levels = noise_levels(runs)
    lines = [line for areas in Areas.of_each(runs) for line in _lines(areas)]
    rows = [
        [*map(text, line.names), _seeds(line), *(_entry(line.means.get(noise)) for noise in levels)]
        for line in lines
    ]
    found = [
        (
            "models" if line.whole else "class",
            *line.names,
            noise,
            m.mean,
            m.sd,
            m.seeds,
            m.classes,
            m.lacks,
            remark(m.budgets),
        )
        for line in lines
        for noise, m in line.means.items()
    ]
    strong = frozenset(i for i, line in enumerate(lines) if line.whole)
    return Table(
        name="table1",
        title="Table 1: AUROC by class and method",
        caption=(
            "Image AUROC on the test set against the noise in training. A class: mean ± sample "
            "standard deviation (n − 1) over its seeds. Mean of classes: the mean over classes of "
            "those means; ± is the standard deviation over seeds of a seed's mean over all classes. "
            "Seeds: how many the ± is of (a range where noise levels differ); of one seed there is no "
            "±."
        ),
        columns=("dataset", "detector", "class", "method", "seeds", *map(percent, levels)),
        rows=rows,
        columns_of_records=RECORD,
        records=records(RECORD, found),
        notes=_notes(lines),
        strong=strong if len(strong) < len(rows) else frozenset(),
        breaks=parts(rows, 3),
    )


def _lines(areas: Areas) -> Iterator[_Line]:
    # Of a single class the mean over classes is the class.
    single = [[c] for c in areas.categories] if len(areas.categories) > 1 else []
    for categories in [*single, areas.categories]:
        entity = categories[0] if len(categories) == 1 else f"mean of {len(categories)} classes"
        for method in areas.methods:
            found = {noise: areas.mean(method, noise, categories) for noise in areas.levels}
            means = {noise: mean for noise, mean in found.items() if mean}
            if means:
                names = (str(areas.dataset), str(areas.detector), entity, str(method))
                yield _Line(names, categories == areas.categories, means)


def _entry(mean: Mean | None) -> Entry:
    if mean is None:
        return Entry(NOTHING)
    return spread(mean.mean, mean.sd, mean.marks)


def _seeds(line: _Line) -> Entry:
    counts = [mean.seeds for mean in line.means.values()]
    low, high = min(counts), max(counts)
    return Entry(f"{low}" if low == high else f"{low}–{high}", low)


def _notes(lines: Sequence[_Line]) -> list[str]:
    missing = [
        f"{line.names[0]}, {line.names[1]}, {line.names[3]}, {percent(noise)}: {mean.lacks}"
        for line in lines
        if line.whole
        for noise, mean in line.means.items()
        if mean.missing
    ]
    budgets = notes("".join(mean.marks for line in lines for mean in line.means.values()))
    if not missing:
        return budgets
    more = len(missing) - MOST_NOTES
    return [
        f"{MARK} Not the same classes and seeds as others of this dataset, detector and noise: not to "
        "be compared with them. The paired tests compare equal ones.",
        *missing[:MOST_NOTES],
        *([f"… and {more} more, in table1.csv"] if more > 0 else []),
        *budgets,
    ]
