"""Tables and figures of the robustness study, from ``results.csv`` alone.

python experiments/robustness/report.py
"""

import itertools
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.tables import markdown, mean_sd, read_rows, spread
from matplotlib.figure import Figure
from scipy import stats

HERE = Path(__file__).parent
METHODS = ("none", "osr", "irp", "irp_all", "robust", "oracle")
COLOURS = dict(
    zip(METHODS, ("#7f7f7f", "#bcbd22", "#1f77b4", "#17becf", "#d62728", "#2ca02c"), strict=True)
)
MODELS = ("gaussian", "knn", "differnet_small")

Row = dict[str, str]
Values = dict[tuple[str, float, str], dict[int, float]]
"""By model, noise and method: the value of a column, by seed."""


class Main:
    """The main grid.

    Args:
        rows: Of ``results.csv``.

    Attributes:
        areas: Image AUROC.
        noises: The levels.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = [row for row in rows if row["grid"] == "main"]
        self.areas = self.column("image_auroc")
        self.noises = sorted({noise for _, noise, _ in self.areas})

    def column(self, name: str) -> Values:
        """The values of a column, where there are any."""
        found: Values = defaultdict(dict)
        for row in self.rows:
            if row[name]:
                key = row["model"], float(row["noise"]), row["method"]
                found[key][int(row["seed"])] = float(row[name])
        return found

    def closure(self, model: str, noise: float, method: str) -> list[float]:
        """Gap closure, seed by seed."""
        mine, low, high = (self.areas[model, noise, m] for m in (method, "none", "oracle"))
        return [
            (mine[s] - low[s]) / (high[s] - low[s]) for s in mine if s in low and high.get(s, 0) > low[s]
        ]

    def paired(self, model: str, noise: float, other: str) -> str:
        """Mean of robust - other over the seeds, with its 95 % confidence interval (t, paired)."""
        mine, theirs = self.areas[model, noise, "robust"], self.areas[model, noise, other]
        differences = [mine[s] - theirs[s] for s in mine if s in theirs]
        if len(differences) < 2:
            return "-"
        mean, error = statistics.fmean(differences), stats.sem(differences)
        reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
        return f"{mean:+.3f} [{mean - reach:+.3f}, {mean + reach:+.3f}]"

    def removals(self, model: str, noise: float, method: str) -> str:
        """Good and bad images removed, mean over the seeds."""
        columns = (self.column(name) for name in ("removed_good", "removed_bad"))
        good, bad = (list(found[model, noise, method].values()) for found in columns)
        return f"{statistics.fmean(good):.1f} / {statistics.fmean(bad):.1f}" if good else "-"

    def cost(self, model: str, method: str) -> list[float]:
        """Seconds of the fit as ratios to vanilla training, over noises and seeds."""
        seconds = self.column("seconds_fit")
        return [
            seconds[model, n, method][s] / seconds[model, n, "none"][s]
            for n in self.noises
            for s in seconds[model, n, method]
            if s in seconds[model, n, "none"]
        ]


def section(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return f"### {title}\n\n{markdown(head, lines)}\n"


def text(rows: Sequence[Row]) -> str:
    """All tables."""
    return "\n".join([*main_tables(Main(rows)), *other_tables(rows)])


def main_tables(main: Main) -> Iterator[str]:
    noises, heads = main.noises, list(map(str, main.noises))
    pairs = list(itertools.product(MODELS, METHODS[1:-1]))
    for model in MODELS:
        lines = [[m, *(mean_sd([*main.areas[model, n, m].values()]) for n in noises)] for m in METHODS]
        yield section(f"{model}: image AUROC against noise", ["", *heads], lines)
    lines = [
        [model, m, *(mean_sd(main.closure(model, n, m), 2) for n in noises[1:])] for model, m in pairs
    ]
    yield section("Gap closure", ["", "", *heads[1:]], lines)
    others = itertools.product(MODELS, ("none", "osr", "irp", "irp_all"))
    lines = [[model, o, *(main.paired(model, n, o) for n in noises)] for model, o in others]
    title = "robust minus the other, paired over seeds: mean [95 % interval]"
    yield section(title, ["", "other", *heads], lines)
    lines = [[model, m, *(main.removals(model, n, m) for n in noises)] for model, m in pairs]
    yield section("Removed good / bad, mean over seeds", ["", "", *heads], lines)
    for name in ("precision", "recall"):
        values = main.column(f"removal_{name}")
        line = [mean_sd([*values["gaussian", n, "robust"].values()], 2) for n in noises[1:]]
        title = f"Removal {name} of robust (the same for every detector)"
        yield section(title, ["", *heads[1:]], [["robust", *line]])
    ratios = {pair: main.cost(*pair) for pair in pairs}
    lines = [[*p, f"{statistics.median(r):.2f}", f"{max(r):.2f}"] for p, r in ratios.items() if r]
    yield section("Time of the fit, as a ratio to vanilla training", ["", "", "median", "most"], lines)


OTHERS: dict[str, tuple[str, list[str], Callable[[Row], tuple[str, ...]]]] = {
    "lam": (
        "The threshold's parameter, noise 0.2",
        ["", "", "k"],
        lambda r: (r["model"], r["method"], r["k"]),
    ),
    "groups": (
        "Published split, groups not given, noise 0.2",
        ["", ""],
        lambda r: (r["model"], r["method"]),
    ),
    "scorings": (
        "What else was tried: Gaussian, tuning",
        ["noise", "", "scoring", "rule", "k"],
        lambda r: (r["noise"], r["method"], r["scoring"], r["rule"], r["k"]),
    ),
}
"""The smaller grids: title, the first columns' names, and what stands in them."""

FIGURES = {"image_auroc": 3, "removal_precision": 2, "removal_recall": 2, "detection_auroc": 2}
"""The smaller grids' other columns, and their digits."""


def other_tables(rows: Sequence[Row]) -> Iterator[str]:
    for grid, (title, names, key) in OTHERS.items():
        cells: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in rows:
            if row["grid"] == grid:
                cells[key(row)].append(row)
        lines = [
            [
                *k,
                *(mean_sd([float(r[c]) for r in v if r[c]], d) for c, d in FIGURES.items()),
                f"{len(v)}",
            ]
            for k, v in cells.items()
        ]
        head = [*names, "image AUROC", "precision", "recall", "detection AUROC", "runs"]
        if lines:
            yield section(title, head, lines)


def draw_areas(main: Main) -> Figure:
    """AUROC against noise."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axis, model in zip(figure.subplots(1, 3, sharey=True), MODELS, strict=True):
        for method in METHODS:
            found = {n: list(main.areas[model, n, method].values()) for n in main.noises}
            shown = {n: values for n, values in found.items() if values}
            axis.errorbar(
                list(shown),
                [statistics.fmean(values) for values in shown.values()],
                [spread(values) for values in shown.values()],
                label={"none": "vanilla"}.get(method, method),
                color=COLOURS[method],
                marker="o",
                markersize=3,
                capsize=2,
                linewidth=2 if method == "robust" else 1.2,
            )
        axis.set(title=model, xlabel="noise (share of the training images)")
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("image AUROC, mean ± sd of 3 seeds")
    figure.axes[0].legend(fontsize=8)
    return figure


def draw_removals(main: Main) -> Figure:
    """What was removed: bad images up, good ones down."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    good, bad = main.column("removed_good"), main.column("removed_bad")
    methods, noises = METHODS[1:-1], main.noises
    for axis, method in zip(figure.subplots(1, 4, sharey=True), methods, strict=True):
        for k, model in enumerate(MODELS):
            at = [i + 0.27 * (k - 1) for i in range(len(noises))]
            shade = (0.45, 0.7, 1.0)[k]
            for name, found, sign, colour in (("bad", bad, 1, "red"), ("good", good, -1, "green")):
                means = [statistics.fmean(found[model, n, method].values() or [0]) for n in noises]
                label = f"{name}, {model}"
                heights = [sign * mean for mean in means]
                axis.bar(at, heights, 0.25, color=f"tab:{colour}", alpha=shade, label=label)
        axis.set_xticks(range(len(noises)), [f"{n:g}" for n in noises])
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set(title=method, xlabel="noise")
    figure.axes[0].set_ylabel("removed: bad up, good down")
    figure.axes[1].legend(fontsize=7, loc="lower center")  # irp removes few: there is room
    return figure


def draw_gap(main: Main) -> Figure:
    """How much of the gap each method closes."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axis, model in zip(figure.subplots(1, 3, sharey=True), MODELS, strict=True):
        for method in METHODS[1:-1]:
            found = {n: main.closure(model, n, method) for n in main.noises[1:]}
            shown = {n: statistics.fmean(values) for n, values in found.items() if values}
            at, means = list(shown), list(shown.values())
            axis.plot(at, means, marker="o", markersize=3, color=COLOURS[method], label=method)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.axhline(0.6, color="black", linewidth=0.8, linestyle=":")
        axis.set(title=model, xlabel="noise", ylim=(-0.6, 1))
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("gap closed (dotted: the target)")
    figure.axes[0].legend(fontsize=8)
    return figure


def main() -> None:
    rows = read_rows(HERE / "results.csv")
    (HERE / "tables.md").write_text(f"# Tables of the study\n\n{text(rows)}", encoding="utf-8")
    for name, draw in (("auroc", draw_areas), ("removed", draw_removals), ("gap", draw_gap)):
        draw(Main(rows)).savefig(HERE / f"{name}.png", dpi=120)
    print(text(rows))


if __name__ == "__main__":
    main()
