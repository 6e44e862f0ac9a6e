"""The paper's Table 1: AUROC of every class, and of every method over the classes, against noise."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from irp_lightning.comparison.labels import Labelled, method_rank, percent
from irp_lightning.comparison.table import NOTHING, Cell, Table, spread, text

__all__ = ["Areas", "Mean", "area_table", "mean_over", "noise_levels"]

Part = tuple[str, int]  # a class and a seed

MARK = "†"


@dataclass(frozen=True)
class Mean:
    """A mean over classes of means over seeds.

    Attributes:
        mean: In [0, 1].
        sd: Sample standard deviation over seeds of a seed's mean over classes; None of one seed.
        seeds: How many seeds that is of: those that have every class.
        classes: How many classes the mean is of.
        missing: The classes and seeds that are not in it, though others have them.
    """

    mean: float
    sd: float | None
    seeds: int
    classes: int
    missing: tuple[Part, ...]


def mean_over(values: Mapping[Part, float], expected: Iterable[Part]) -> Mean | None:
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
        sd=statistics.stdev(whole) if len(whole) > 1 else None,
        seeds=len(whole),
        classes=len(by_class),
        missing=tuple(sorted(set(expected) - set(values))),
    )


def noise_levels(runs: Iterable[Labelled]) -> list[float]:
    """The noise levels of some runs, lowest first."""
    return sorted({run.run.noise for run in runs})


class Areas:
    """AUROC by method, noise level, class and seed, of one dataset and one detector.

    Args:
        runs: Theirs, no two equal in everything.
    """

    def __init__(self, runs: Sequence[Labelled]) -> None:
        self.dataset, self.detector = runs[0].dataset, runs[0].detector
        self.categories = sorted({run.run.category for run in runs})
        self.methods = sorted({run.method for run in runs}, key=method_rank)
        self.levels = noise_levels(runs)
        self._seeds: dict[float, set[int]] = defaultdict(set)
        self._values: dict[tuple[str, float], dict[Part, float]] = defaultdict(dict)
        for run in runs:
            self._seeds[run.run.noise].add(run.run.seed)
            if run.run.auroc is not None:
                part = run.run.category, run.run.seed
                self._values[run.method, run.run.noise][part] = run.run.auroc

    @classmethod
    def of_each(cls, runs: Iterable[Labelled]) -> list["Areas"]:
        """One for each dataset and detector, sorted."""
        groups: dict[tuple[str, str], list[Labelled]] = defaultdict(list)
        for run in runs:
            groups[run.dataset, run.detector].append(run)
        return [cls(groups[key]) for key in sorted(groups)]

    def mean(self, method: str, noise: float, categories: Sequence[str]) -> Mean | None:
        """Of some classes; what any method has at this noise level is expected of all."""
        values = self._values.get((method, noise), {})
        expected = [(category, seed) for category in categories for seed in self._seeds[noise]]
        return mean_over({k: v for k, v in values.items() if k[0] in categories}, expected)


def area_table(runs: Sequence[Labelled]) -> Table:
    """Table 1: a row for every class and method, then one for every method over the classes."""
    levels = noise_levels(runs)
    rows: list[list[Cell]] = []
    records: list[dict[str, object]] = []
    strong, breaks, missing = [], [], []
    for areas in Areas.of_each(runs):
        # Of a single class the mean over classes is the class.
        parts = [[c] for c in areas.categories] if len(areas.categories) > 1 else []
        for categories in [*parts, areas.categories]:
            whole = categories == areas.categories
            if rows:
                breaks.append(len(rows))
            entity = categories[0] if len(categories) == 1 else f"mean of {len(categories)} classes"
            for method in areas.methods:
                found = {noise: areas.mean(method, noise, categories) for noise in levels}
                means = [mean for mean in found.values() if mean]
                if not means:
                    continue
                if whole:
                    strong.append(len(rows))
                    missing += [
                        f"{areas.dataset}, {areas.detector}, {method}, {percent(noise)}: {_parts(mean)}"
                        for noise, mean in found.items()
                        if mean and mean.missing
                    ]
                names = (areas.dataset, areas.detector, entity, method)
                rows.append([*map(text, names), _seeds(means), *(_cell(m) for m in found.values())])
                records += [
                    _record("models" if whole else "class", names, noise, mean)
                    for noise, mean in found.items()
                    if mean
                ]
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
        records=records,
        notes=_notes(missing),
        strong=frozenset(strong) if len(strong) < len(rows) else frozenset(),
        breaks=frozenset(breaks),
    )


RECORD = (
    *("part", "dataset", "detector", "class", "method", "noise"),
    *("image_auroc_mean", "image_auroc_sd", "seeds", "classes", "missing"),
)
MOST_NOTES = 12


def _record(part: str, names: tuple[str, ...], noise: float, mean: Mean) -> dict[str, object]:
    figures = (mean.mean, mean.sd, mean.seeds, mean.classes, _parts(mean))
    return dict(zip(RECORD, (part, *names, noise, *figures), strict=True))


def _cell(mean: Mean | None) -> Cell:
    if mean is None:
        return Cell(NOTHING)
    return spread(mean.mean, mean.sd, MARK if mean.missing else "")


def _seeds(means: Sequence[Mean]) -> Cell:
    low, high = min(m.seeds for m in means), max(m.seeds for m in means)
    return Cell(f"{low}" if low == high else f"{low}–{high}", low)


def _parts(mean: Mean) -> str:
    by_class: dict[str, list[int]] = defaultdict(list)
    for category, seed in mean.missing:
        by_class[category].append(seed)
    return "; ".join(f"{c} without seed {', '.join(map(str, s))}" for c, s in by_class.items())


def _notes(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    more = len(missing) - MOST_NOTES
    return [
        f"{MARK} Not the same classes and seeds as others of this dataset, detector and noise: not to "
        "be compared with them. The paired tests compare equal ones.",
        *missing[:MOST_NOTES],
        *([f"… and {more} more, in table1.csv"] if more > 0 else []),
    ]
