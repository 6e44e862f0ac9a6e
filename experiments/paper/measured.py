"""What was measured of the paper, beside what it prints: tables and figures in ``measured/``.

python experiments/paper/measured.py SWEEP_FOLDER [SWEEP_FOLDER ...]

The sweeps are of ``differnet_small``, or of the paper's own size, on the categories at hand. Runs that
``results.csv`` holds of sweeps before stay there. Other λ than 1.5 have a table of their own.
"""

import argparse
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.tables import markdown, mean_sd, read_rows, write_rows
from measured_curves import draw_curves
from measured_rows import (
    CATEGORIES,
    LAM,
    METHODS,
    NOISES,
    OUT,
    TITLES,
    USUAL,
    Row,
    areas,
    collected,
    is_usual,
    of_vanillas_seeds,
    printed,
    same_cell,
    shared_by_all,
    title,
)

from irp_lightning.comparison.paired import compare_differences
from irp_lightning.foundation.errors import InputError

SCRATCH = "osr, λ = 1.2, from scratch"
CONTRASTS = (
    *((method, "vanilla") for method in ("osr", "irp", "irp_all", SCRATCH, "robust")),
    (TITLES["oracle"], "vanilla"),
    ("vanilla, nll", "vanilla"),
    ("osr, Tukey's fence, nll", "vanilla, nll"),
    ("osr, Tukey's fence, from scratch, nll", "vanilla, nll"),
    ("vanilla, bf16", "vanilla"),
    *(("robust", method) for method in ("osr", "irp", "irp_all", SCRATCH)),
    ("irp", "osr"),
)


def table1(rows: Sequence[Row]) -> str:
    """AUROC by category, method and noise, the paper's below."""
    lines = []
    for category in CATEGORIES:
        for method in METHODS:
            found = [mean_sd(areas(rows, category=category, method=method, noise=n)) for n in NOISES]
            lines.append([category, TITLES.get(method, method), *found])
        lines.append([f"*{category}*", "*irp, the paper*", *italic(printed(category).values())])
    even = of_vanillas_seeds(rows)
    for method in METHODS:
        found = [mean_of_categories(even, method, n) for n in NOISES]
        lines.append(["mean of these four", TITLES.get(method, method), *found])
    classes = [printed(category) for category in CATEGORIES]
    means = [statistics.fmean(row[n] for row in classes) for n in NOISES]
    lines.append(["*mean of these four*", "*irp, the paper*", *italic(means)])
    for name, method in (("Vanilla", "vanilla"), ("OSR", "osr"), ("IRP on MVTec-AD", "irp")):
        lines.append(["*mean of its ten*", f"*{method}, the paper*", *italic(printed(name).values())])
    return markdown(["category", "method", *NOISES], lines)


def italic(values: Iterable[float]) -> list[str]:
    return [f"*{value:.3f}*" for value in values]


def mean_of_categories(rows: Sequence[Row], method: str, noise: str) -> str:
    """``-`` where a category has none."""
    found = [areas(rows, category=c, method=method, noise=noise) for c in CATEGORIES]
    return f"{statistics.fmean(map(statistics.fmean, found)):.3f}" if all(found) else "-"


def table2(rows: Sequence[Row]) -> str:
    """Good and bad images that methods removed, means over seeds, and the paper's."""
    paper = {
        (row["entity"].lower(), row["noise"]): f"{row['good']} / {row['bad']}"
        for row in read_rows(OUT.parent / "table2.csv")
    }
    methods = ("irp", "irp_all", "osr", "robust")
    lines = []
    for category in CATEGORIES:
        for noise in NOISES:
            of = [r for r in rows if r["category"] == category and r["noise"] == noise]
            found = (removed(r for r in of if r["method"] == method) for method in methods)
            lines.append([category, noise, *found, paper.get((category, noise), "-")])
    head = ["category", "noise", "irp: good / bad", *methods[1:], "irp, the paper"]
    return markdown(head, lines)


def removed(rows: Iterable[Row]) -> str:
    """How many good and bad images, means over runs."""
    some = list(rows)
    if not some:
        return "-"
    counts = (
        statistics.fmean(float(row[key] or 0) for row in some) for key in ("removed_good", "removed_bad")
    )
    return " / ".join(f"{count:.3g}" for count in counts)


def pairs(rows: Sequence[Row]) -> str:
    """Differences between methods over categories and noise levels above 0, means of the same seeds."""
    by_cell: dict[tuple[str, str], dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row["noise"] != "0":
            found = by_cell[row["category"], row["noise"]]
            found[title(row)][row["seed"]] = float(row["image_auroc"])
    lines = []
    for method, against in CONTRASTS:
        differences, runs = [], 0
        for found in by_cell.values():
            seeds = found[method].keys() & found[against].keys()
            if seeds:
                some = [found[method][seed] - found[against][seed] for seed in seeds]
                differences.append(statistics.fmean(some))
                runs += len(seeds)
        if not differences:
            continue
        compared = compare_differences(differences)
        low, high = compared.interval or (math.nan, math.nan)
        interval = f"{low:+.3f} to {high:+.3f}"
        signs = f"{sum(d > 0 for d in differences)} : {sum(d < 0 for d in differences)}"
        lines.append(
            [method, against, str(compared.n), str(runs), f"{compared.mean:+.3f}", interval, signs]
        )
    columns = ["method", "against", "category × noise", "pairs of runs", "mean difference"]
    return markdown([*columns, "95 % interval", "better : worse"], lines)


def lambdas(rows: Sequence[Row]) -> str:
    """AUROC and removals against λ; which λ ``separation`` chooses, label-free, among them."""
    lams = sorted({row["lam"] for row in rows}, key=float)
    lines = []
    for retrain in ("continue", "scratch"):
        for category in CATEGORIES:
            for method in ("osr", "irp", "irp_all"):
                kind = {"category": category, "method": method, "retrain": retrain}
                of = {r["lam"]: r for r in rows if all(r[key] == value for key, value in kind.items())}
                if len(of) < 2:
                    continue
                best = max(of, key=lambda lam: float(of[lam]["image_auroc"]))
                chosen = max(of, key=lambda lam: float(of[lam]["separation"] or 0))
                shown = [
                    f"{float(of[lam]['image_auroc']):.3f} ({removed([of[lam]])})" if lam in of else "-"
                    for lam in lams
                ]
                loss = float(of[chosen]["image_auroc"]) - float(of[best]["image_auroc"])
                lines.append([retrain, category, method, *shown, f"λ = {chosen}: {loss:+.3f}"])
    head = ["refine.scoring.retrain", "category", "method", *(f"λ = {lam}" for lam in lams)]
    return markdown([*head, "by separation, against the best"], lines)


def protocols(rows: Sequence[Row]) -> str:
    """What the figures would be by other readings of the paper, means over seeds."""
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if not is_usual(row):
            groups[row["category"], row["noise"], title(row)].append(row)
    lines = []
    for cell, found in groups.items():
        usual = [row for row in (same_cell(rows, {**row, **USUAL}) for row in found) if row]
        even = usual if len(usual) == len(found) else []  # of the same seeds, or of none
        lines.append([*cell, str(len(found)), *told(even), *told(found)])
    head = ["category", "noise", "method", "seeds", "as usual", "removed", "so", "removed"]
    return markdown(head, lines)


def told(rows: Sequence[Row]) -> tuple[str, str]:
    """Means of AUROC and of removals, or dashes."""
    if not rows:
        return "-", "-"
    return f"{statistics.fmean(float(row['image_auroc']) for row in rows):.3f}", removed(rows)


def usual_of(rows: Iterable[Row]) -> list[Row]:
    """The runs of the main tables: one λ, nothing unusual, of seeds that every category has."""
    return shared_by_all([row for row in rows if is_usual(row) and row["lam"] == LAM])


def retrained_of(rows: Iterable[Row]) -> list[Row]:
    """The runs that differ in λ and in how they train on, and in nothing else."""
    return [
        row
        for row in rows
        if is_usual({**row, "retrain": USUAL["retrain"]}) and (row["noise"], row["seed"]) == ("0.2", "0")
    ]


def document(rows: Sequence[Row]) -> str:
    """All tables, as Markdown."""
    usual = usual_of(rows)
    parts = {
        "Table 1": table1(usual),
        "Differences": pairs(shared_by_all(rows)),
        "Table 2: images removed": table2(usual),
        "λ, at noise 0.2, seed 0: AUROC (good / bad removed)": lambdas(retrained_of(rows)),
        "Other protocols (good / bad removed)": protocols(rows),
    }
    taken = sum(row["source"] == "robustness" for row in rows)
    said = (
        f"{len(rows)} runs, of `differnet_small` where nothing else is said; {taken} of them are the "
        "robustness study's, seed 0. ± is the sample standard deviation over seeds; a figure without is "
        "of one seed.\n"
    )
    text = [f"## {name}\n\n{part}\n" for name, part in parts.items()]
    return "\n".join(["# What was measured: tables\n", said, *text])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweeps", type=Path, nargs="+")
    chosen = parser.parse_args()
    try:
        rows = collected(chosen.sweeps)
    except InputError as error:
        raise SystemExit(f"measured.py: {error}") from error
    write_rows(OUT / "results.csv", rows)
    (OUT / "tables.md").write_text(document(rows), encoding="utf-8")
    draw_curves(of_vanillas_seeds(usual_of(rows)), retrained_of(rows), OUT)
    print(f"{OUT}: {len(rows)} runs")


if __name__ == "__main__":
    main()
