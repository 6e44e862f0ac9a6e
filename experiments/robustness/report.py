"""Tables and figures of the robustness study, from ``results.csv`` alone.

python experiments/robustness/report.py
"""

import csv
import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from scipy import stats

HERE = Path(__file__).parent
METHODS = ("none", "osr", "irp", "irp_all", "robust", "oracle")
COLOURS = dict(
    zip(METHODS, ("#7f7f7f", "#bcbd22", "#1f77b4", "#17becf", "#d62728", "#2ca02c"), strict=True)
)
MODELS = ("gaussian", "knn", "differnet_small")

Row = dict[str, str]
Key = tuple[str, float, str]  # model, noise, method


def read() -> list[Row]:
    with (HERE / "results.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def by_seed(rows: list[Row], column: str = "image_auroc") -> dict[Key, dict[int, float]]:
    """The value of a column per model, noise and method, by seed."""
    found: dict[Key, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row[column]:
            key = row["model"], float(row["noise"]), row["method"]
            found[key][int(row["seed"])] = float(row[column])
    return found


def mean_sd(values: list[float], digits: int = 3) -> str:
    if not values:
        return "-"
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} ± {sd:.{digits}f}"


def closure(areas: dict[Key, dict[int, float]], model: str, noise: float, method: str) -> list[float]:
    """Gap closure, seed by seed."""
    mine, low, high = (areas[model, noise, m] for m in (method, "none", "oracle"))
    return [
        (mine[s] - low[s]) / (high[s] - low[s]) for s in mine if s in low and high.get(s, 0) > low[s]
    ]


def paired(areas: dict[Key, dict[int, float]], model: str, noise: float, other: str) -> str:
    """Mean of robust − other over the seeds, with its 95 % confidence interval (t, paired)."""
    mine, theirs = areas[model, noise, "robust"], areas[model, noise, other]
    differences = [mine[s] - theirs[s] for s in mine if s in theirs]
    if len(differences) < 2:
        return "-"
    mean, error = statistics.fmean(differences), stats.sem(differences)
    reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    return f"{mean:+.3f} [{mean - reach:+.3f}, {mean + reach:+.3f}]"


def table(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join(
        ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        + ["| " + " | ".join(line) + " |" for line in lines]
    )


def text(rows: list[Row]) -> str:
    main = [row for row in rows if row["grid"] == "main"]
    areas = by_seed(main)
    noises = sorted({noise for _, noise, _ in areas})
    out = []
    for model in MODELS:
        lines = [
            [method, *(mean_sd(list(areas[model, n, method].values())) for n in noises)]
            for method in METHODS
        ]
        out += [f"### {model}: image AUROC against noise", "", table(["", *map(str, noises)], lines), ""]
    lines = [
        [model, method, *(mean_sd(closure(areas, model, n, method), 2) for n in noises[1:])]
        for model in MODELS
        for method in METHODS[1:-1]
    ]
    out += ["### Gap closure", "", table(["", "", *map(str, noises[1:])], lines), ""]
    lines = [
        [model, other, *(paired(areas, model, n, other) for n in noises)]
        for model in MODELS
        for other in ("none", "osr", "irp", "irp_all")
    ]
    out += ["### robust minus the other, paired over seeds: mean [95 % interval]", ""]
    out += [table(["", "other", *map(str, noises)], lines), ""]
    good, bad = by_seed(main, "removed_good"), by_seed(main, "removed_bad")

    def removals(model: str, noise: float, method: str) -> str:
        g, b = (list(found[model, noise, method].values()) for found in (good, bad))
        return f"{statistics.fmean(g):.1f} / {statistics.fmean(b):.1f}" if g else "-"

    lines = [
        [model, method, *(removals(model, n, method) for n in noises)]
        for model in MODELS
        for method in METHODS[1:-1]
    ]
    out += ["### Removed good / bad, mean over seeds", "", table(["", "", *map(str, noises)], lines), ""]
    for column, name in (("removal_precision", "precision"), ("removal_recall", "recall")):
        values = by_seed(main, column)
        lines = [
            [method, *(mean_sd(list(values["gaussian", n, method].values()), 2) for n in noises[1:])]
            for method in ("robust",)
        ]
        out += [f"### Removal {name} of robust (the same for every detector)", ""]
        out += [table(["", *map(str, noises[1:])], lines), ""]
    seconds = by_seed(main, "seconds_fit")
    lines = []
    for model, method in itertools.product(MODELS, ("osr", "irp", "irp_all", "robust")):
        ratios = [
            seconds[model, n, method][s] / seconds[model, n, "none"][s]
            for n in noises
            for s in seconds[model, n, method]
            if s in seconds[model, n, "none"]
        ]
        if ratios:
            lines.append([model, method, f"{statistics.median(ratios):.2f}", f"{max(ratios):.2f}"])
    out += ["### Time of the fit, as a ratio to vanilla training", ""]
    out += [table(["", "", "median", "most"], lines), ""]
    out += others(rows)
    return "\n".join(out)


def others(rows: list[Row]) -> list[str]:
    """The smaller grids."""
    out: list[str] = []

    def group(grid: str, key: Callable[[Row], tuple[str, ...]]) -> dict[tuple[str, ...], list[Row]]:
        cells: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in rows:
            if row["grid"] == grid:
                cells[key(row)].append(row)
        return cells

    def line(key: tuple[str, ...], cells: list[Row]) -> list[str]:
        numbers = [
            [float(row[c]) for row in cells if row[c]]
            for c in ("image_auroc", "removal_precision", "removal_recall", "detection_auroc")
        ]
        return [*key, *(mean_sd(v, 3 if i == 0 else 2) for i, v in enumerate(numbers)), str(len(cells))]

    head = ["image AUROC", "precision", "recall", "detection AUROC", "runs"]
    for grid, title, names, key in (
        ("lam", "The threshold's parameter, noise 0.2", ["", "", "k"],
         lambda r: (r["model"], r["method"], r["k"])),
        ("groups", "Published split, groups not given, noise 0.2", ["", ""],
         lambda r: (r["model"], r["method"])),
        ("scorings", "What else was tried: Gaussian, tuning", ["noise", "", "scoring", "rule", "k"],
         lambda r: (r["noise"], r["method"], r["scoring"], r["rule"], r["k"])),
    ):  # fmt: skip
        found = group(grid, key)
        if found:
            out += [
                f"### {title}",
                "",
                table([*names, *head], [line(k, v) for k, v in found.items()]),
                "",
            ]
    return out


def figures(rows: list[Row]) -> None:
    main = [row for row in rows if row["grid"] == "main"]
    areas = by_seed(main)
    noises = sorted({noise for _, noise, _ in areas})
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axis, model in zip(figure.subplots(1, 3, sharey=True), MODELS, strict=True):
        for method in METHODS:
            values = [list(areas[model, n, method].values()) for n in noises]
            shown = [(n, v) for n, v in zip(noises, values, strict=True) if v]
            axis.errorbar(
                [n for n, _ in shown],
                [statistics.fmean(v) for _, v in shown],
                [statistics.stdev(v) if len(v) > 1 else 0 for _, v in shown],
                label={"none": "vanilla"}.get(method, method),
                color=COLOURS[method], marker="o", markersize=3, capsize=2,
                linewidth=2 if method == "robust" else 1.2,
            )  # fmt: skip
        axis.set(title=model, xlabel="noise (share of the training images)")
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("image AUROC, mean ± sd of 3 seeds")
    figure.axes[0].legend(fontsize=8)
    figure.savefig(HERE / "auroc.png", dpi=120)

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    good, bad = by_seed(main, "removed_good"), by_seed(main, "removed_bad")
    for axis, method in zip(
        figure.subplots(1, 4, sharey=True), ("osr", "irp", "irp_all", "robust"), strict=True
    ):
        for k, model in enumerate(MODELS):
            at = [i + 0.27 * (k - 1) for i in range(len(noises))]
            means = [
                [statistics.fmean(found[model, n, method].values() or [0]) for n in noises]
                for found in (good, bad)
            ]
            shade = (0.45, 0.7, 1.0)[k]
            axis.bar(at, means[1], 0.25, color="tab:red", alpha=shade, label=f"bad, {model}")
            axis.bar(
                at, [-v for v in means[0]], 0.25, color="tab:green", alpha=shade, label=f"good, {model}"
            )
        axis.set_xticks(range(len(noises)), [f"{n:g}" for n in noises])
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set(title=method, xlabel="noise")
    figure.axes[0].set_ylabel("removed: bad up, good down")
    figure.axes[1].legend(fontsize=7, loc="lower center")  # irp removes few: there is room
    figure.savefig(HERE / "removed.png", dpi=120)

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axis, model in zip(figure.subplots(1, 3, sharey=True), MODELS, strict=True):
        for method in METHODS[1:-1]:
            values = {n: closure(areas, model, n, method) for n in noises[1:]}
            shown = [(n, v) for n, v in values.items() if v]
            axis.plot(
                [n for n, _ in shown], [statistics.fmean(v) for _, v in shown],
                marker="o", markersize=3, color=COLOURS[method], label=method,
            )  # fmt: skip
        axis.axhline(0, color="black", linewidth=0.8)
        axis.axhline(0.6, color="black", linewidth=0.8, linestyle=":")
        axis.set(title=model, xlabel="noise", ylim=(-0.6, 1))
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("gap closed (dotted: the target)")
    figure.axes[0].legend(fontsize=8)
    figure.savefig(HERE / "gap.png", dpi=120)


if __name__ == "__main__":
    found = read()
    (HERE / "tables.md").write_text("# Tables of the study\n\n" + text(found), encoding="utf-8")
    figures(found)
    print(text(found))
