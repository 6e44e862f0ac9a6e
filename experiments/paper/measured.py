"""What was measured of the paper, beside what it prints: tables and a figure in ``measured/``.

python experiments/paper/measured.py SWEEP_FOLDER

The sweep is of ``differnet_small`` on the categories at hand. Cells of seed 0 that it lacks are taken
from the robustness study, which ran the same commands, and are counted. Other λ than 1.5 have a table
of their own.
"""

import argparse
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import matplotlib

matplotlib.use("agg")

from common import sweeps
from common.tables import markdown, mean_sd, read_rows, write_rows
from matplotlib import pyplot

from irp_lightning.comparison.paired import compare_differences
from irp_lightning.runs.record import Record

HERE = Path(__file__).parent
OUT = HERE / "measured"
STUDY = HERE.parent / "robustness" / "results.csv"

CATEGORIES = ("bottle", "capsule", "pill", "screw")
METHODS = ("none", "osr", "irp", "irp_all", "robust", "oracle")
TITLES = {"none": "vanilla", "oracle": "oracle (uses labels)"}
NOISES = ("0", "0.1", "0.2", "0.3", "0.4", "0.5")
LAM = "1.5"
FIGURES = ("image_auroc", "removed_good", "removed_bad", "train_images", "rounds", "separation")

PROTOCOL = {"kind": "contamination", "retrain": "refine", "score": "model", "precision": "model"}
"""What else may differ between runs, and the group of the configuration that says so."""

USUAL = {"kind": "share", "retrain": "continue", "score": "latent", "precision": "fp32"}

Row = dict[str, Any]


def of_record(record: Record) -> Row:
    """A run as a row, every value a text."""
    m = record.metrics
    return {
        **{key: str(m[key]) for key in ("category", "method")},
        "noise": f"{m['noise_requested']:g}",
        "lam": f"{m['lam']:g}",
        "seed": str(m["seed"]),
        **{key: str(record.config[group][key]) for key, group in PROTOCOL.items()},
        **{key: "" if m.get(key) is None else str(m[key]) for key in FIGURES},
        "source": "sweep",
    }


def of_study(row: Mapping[str, str]) -> Row:
    """A row of the robustness study as one of ours."""
    return {
        **{key: row[key] for key in ("category", "method", "noise", "seed")},
        "lam": LAM,
        **USUAL,
        **{key: row.get(key, "") for key in FIGURES},
        "source": "robustness",
    }


def collected(sweep: Path) -> list[Row]:
    """All runs, the sweep's before the study's."""
    rows = [of_record(r) for r in sweeps.records(sweep) if r.metrics["category"] in CATEGORIES]
    there = {cell(row) for row in rows}
    study = [
        of_study(row)
        for row in read_rows(STUDY)
        if row["model"] == "differnet_small" and row["category"] in CATEGORIES and row["noise"] in NOISES
    ]
    return sorted([*rows, *(row for row in study if cell(row) not in there)], key=cell)


def cell(row: Row) -> tuple[str, ...]:
    return tuple(row[key] for key in ("category", "method", "noise", "lam", "seed", *PROTOCOL))


def is_usual(row: Row) -> bool:
    return all(row[key] == value for key, value in USUAL.items())


def shared_by_all(rows: Sequence[Row]) -> list[Row]:
    """Those whose method, noise and seed every category has: a mean must be of the same seeds."""
    found = Counter((row["method"], row["noise"], row["seed"]) for row in rows)
    return [row for row in rows if found[row["method"], row["noise"], row["seed"]] == len(CATEGORIES)]


def areas(rows: Iterable[Row], **wanted: str) -> list[float]:
    """The AUROC of the rows that have these values; at noise 0 the oracle is vanilla."""
    if wanted.get("noise") == "0" and wanted.get("method") == "oracle":
        wanted["method"] = "none"
    return [float(row["image_auroc"]) for row in rows if all(row[k] == v for k, v in wanted.items())]


def printed_areas() -> dict[str, dict[str, str]]:
    """The rows of the paper's Table 1, by what they are of."""
    return {row["entity"]: row for row in read_rows(HERE / "table1.csv")}


def table1(rows: Sequence[Row]) -> str:
    """AUROC by category, method and noise, the paper's below."""
    printed = printed_areas()
    lines = []
    for category in CATEGORIES:
        for method in METHODS:
            found = [mean_sd(areas(rows, category=category, method=method, noise=n)) for n in NOISES]
            lines.append([category, TITLES.get(method, method), *found])
        paper = printed[category.capitalize()]
        lines.append(
            [f"*{category}*", "*irp, the paper*", *(f"*{float(paper[n]):.3f}*" for n in NOISES)]
        )
    for method in METHODS:
        found = [mean_of_categories(rows, method, n) for n in NOISES]
        lines.append(["mean of these four", TITLES.get(method, method), *found])
    classes = [printed[c.capitalize()] for c in CATEGORIES]
    means = (sum(float(row[n]) for row in classes) / len(classes) for n in NOISES)
    lines.append(["*mean of these four*", "*irp, the paper*", *(f"*{mean:.3f}*" for mean in means)])
    for name, title in (("Vanilla", "vanilla"), ("OSR", "osr"), ("IRP on MVTec-AD", "irp")):
        values = (f"*{float(printed[name][n]):.3f}*" for n in NOISES)
        lines.append(["*mean of its ten*", f"*{title}, the paper*", *values])
    return markdown(["category", "method", *NOISES], lines)


def mean_of_categories(rows: Sequence[Row], method: str, noise: str) -> str:
    """Of the seeds that all four have; ``-`` where a category has none."""
    found = [areas(rows, category=c, method=method, noise=noise) for c in CATEGORIES]
    if not all(found):
        return "-"
    return f"{sum(sum(some) / len(some) for some in found) / len(found):.3f}"


def table2(rows: Sequence[Row]) -> str:
    """Good and bad images that irp removed, the paper's in parentheses, and robust's."""
    printed = {(row["entity"].lower(), row["noise"]): row for row in read_rows(HERE / "table2.csv")}
    lines = []
    for category in CATEGORIES:
        for noise in NOISES:
            of = [r for r in rows if r["category"] == category and r["noise"] == noise]
            paper = printed.get((category, noise))
            lines.append(
                [
                    *(category, noise),
                    *(removed(of, method) for method in ("irp", "irp_all", "osr", "robust")),
                    f"{paper['good']} / {paper['bad']}" if paper else "-",
                ]
            )
    head = ["category", "noise", "irp: good / bad", "irp_all", "osr", "robust", "irp, the paper"]
    return markdown(head, lines)


def removed(rows: Iterable[Row], method: str) -> str:
    some = [row for row in rows if row["method"] == method]
    if not some:
        return "-"
    good, bad = (
        sum(float(row[key] or 0) for row in some) / len(some) for key in ("removed_good", "removed_bad")
    )
    return f"{good:.3g} / {bad:.3g}"


def pairs(rows: Sequence[Row]) -> str:
    """Differences between methods over the cells that both have, noise above 0."""
    by_cell: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for row in rows:
        if row["noise"] != "0":
            key = (row["category"], row["noise"], row["seed"])
            by_cell[key][row["method"]] = float(row["image_auroc"])
    lines = []
    for method, against in (
        *((m, "none") for m in ("osr", "irp", "irp_all", "robust", "oracle")),
        *(("robust", m) for m in ("osr", "irp", "irp_all")),
        ("irp", "osr"),
    ):
        both = [found for found in by_cell.values() if method in found and against in found]
        differences = [found[method] - found[against] for found in both]
        if not differences:
            continue
        found = compare_differences(differences)
        low, high = found.interval or (math.nan, math.nan)
        lines.append(
            [
                TITLES.get(method, method),
                TITLES.get(against, against),
                f"{found.n}",
                f"{found.mean:+.3f}",
                f"{low:+.3f} to {high:+.3f}",
                f"{sum(d > 0 for d in differences)} : {sum(d < 0 for d in differences)}",
            ]
        )
    return markdown(
        ["method", "against", "cells", "mean difference", "95 % interval", "better : worse"], lines
    )


def lambdas(rows: Sequence[Row], noise: str) -> str:
    """AUROC and removals against λ; which λ ``separation`` chooses, label-free, among them."""
    lines = []
    lams = sorted({row["lam"] for row in rows}, key=float)
    for category in CATEGORIES:
        for method in ("osr", "irp", "irp_all"):
            of = {
                row["lam"]: row
                for row in rows
                if (row["category"], row["method"], row["noise"], row["seed"])
                == (category, method, noise, "0")
            }
            if len(of) < 2:
                continue
            best = max(of, key=lambda lam: float(of[lam]["image_auroc"]))
            chosen = max(of, key=lambda lam: float(of[lam]["separation"] or 0))
            shown = [
                f"{float(of[lam]['image_auroc']):.3f} ({removed([of[lam]], method)})"
                if lam in of
                else "-"
                for lam in lams
            ]
            loss = float(of[chosen]["image_auroc"]) - float(of[best]["image_auroc"])
            lines.append([category, method, *shown, f"λ = {chosen}: {loss:+.3f}"])
    head = ["category", "method", *(f"λ = {lam}" for lam in lams), "by separation, against the best"]
    return markdown(head, lines)


def protocols(rows: Sequence[Row]) -> str:
    """What the figures would be by other readings of the paper."""
    lines = []
    others = [row for row in rows if not is_usual(row) and row["precision"] == "fp32"]
    for row in others:
        same = {**row, **USUAL}
        usual = next((r for r in rows if cell(r) == cell(same)), None)
        lines.append(
            [
                *(row["category"], TITLES.get(row["method"], row["method"])),
                *(row[key] for key in ("noise", "lam", "seed")),
                ", ".join(row[key] for key, value in USUAL.items() if row[key] != value),
                *(told(usual) if usual else ("-", "-")),
                *told(row),
            ]
        )
    head = [
        "category",
        "method",
        "noise",
        "λ",
        "seed",
        "differs by",
        "as usual",
        "removed",
        "so",
        "removed",
    ]
    return markdown(head, lines)


def told(row: Row) -> tuple[str, str]:
    return f"{float(row['image_auroc']):.3f}", removed([row], row["method"])


def picture(rows: Sequence[Row], folder: Path) -> None:
    """AUROC against noise, a panel a category; the paper's IRP dashed."""
    printed = printed_areas()
    figure, axes = pyplot.subplots(1, 4, figsize=(14, 3.8), sharey=True, layout="constrained")
    for axis, category in zip(axes, CATEGORIES, strict=True):
        for method, colour in zip(METHODS, pyplot.colormaps["tab10"].colors, strict=False):  # type: ignore[attr-defined]
            found = {n: areas(rows, category=category, method=method, noise=n) for n in NOISES}
            x = [float(n) for n, values in found.items() if values]
            y = [sum(values) / len(values) for values in found.values() if values]
            axis.plot(x, y, "o-", color=colour, label=TITLES.get(method, method), markersize=4)
        paper = printed[category.capitalize()]
        axis.plot(
            [float(n) for n in NOISES],
            [float(paper[n]) for n in NOISES],
            "k--",
            label="irp, as the paper prints",
        )
        axis.set(title=category, xlabel="noise (share of the training images)")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("image AUROC")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    for ending in ("svg", "png"):
        figure.savefig(
            folder / f"auroc.{ending}", dpi=110, metadata={"Date": None} if ending == "svg" else None
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep", type=Path)
    chosen = parser.parse_args()
    rows = collected(chosen.sweep)
    write_rows(OUT / "results.csv", rows)
    exact = [row for row in rows if is_usual(row)]
    usual = shared_by_all([row for row in exact if row["lam"] == LAM])
    parts = {
        "Table 1": table1(usual),
        "Differences": pairs(usual),
        "Table 2: images removed": table2(usual),
        "λ, at noise 0.2, seed 0: AUROC (good / bad removed)": lambdas(exact, "0.2"),
        "Other protocols (good / bad removed)": protocols(rows),
    }
    taken = sum(row["source"] != "sweep" for row in rows)
    told = (
        f"{len(rows)} runs of `differnet_small`; {taken} of them are the robustness study's, seed 0.\n"
    )
    text = "\n".join(
        ["# What was measured: tables\n", told, *(f"## {t}\n\n{p}\n" for t, p in parts.items())]
    )
    (OUT / "tables.md").write_text(text, encoding="utf-8")
    picture(usual, OUT)
    print(f"{OUT}: {len(rows)} runs")


if __name__ == "__main__":
    main()
