"""Tables of the robustness study, from its CSV files: ``python experiments/robustness/report.py``."""

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.tables import markdown, mean_sd, read_rows

from irp_lightning.comparison.paired import compare_differences
from irp_lightning.evaluation.gap_closure import gap_closure

HERE = Path(__file__).parent
TITLES = {
    "robust": "Removals of robust",
    "before": "Removals of robust before it looked at parts",
    "views": "Removals of robust with rotated views",
    "published": "Published scorings and a mixture as the rule",
    "backbones": "What robust looks through, on tuning categories and seeds",
    "thresholds": "pythresh's rules on robust's scores, on tuning categories and seeds",
    "tuning": "Settings tried, on tuning categories and seeds (by an earlier false_discovery)",
}
METHODS = ("none", "osr", "irp", "irp_all", "robust", "oracle")

Row = Mapping[str, str]


def grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[str, ...], list[Row]]:
    """Rows by the values of some columns, sorted by them."""
    found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in keys)].append(row)
    return dict(sorted(found.items()))


def values(rows: Iterable[Row], column: str) -> list[float]:
    """The numbers of a column, where there is one."""
    return [float(row[column]) for row in rows if row[column]]


def areas(rows: Sequence[Row]) -> str:
    """Image AUROC of every method."""
    lines = []
    for (model, category, noise), some in grouped(rows, "model", "category", "noise").items():
        by_method = grouped(some, "method")
        cells = [mean_sd(values(by_method.get((m,), []), "image_auroc")) for m in METHODS]
        lines.append([model, category, noise, *cells])
    return markdown(["detector", "category", "noise", *METHODS], lines)


def closures(rows: Sequence[Row]) -> str:
    """How much of what noise costs each method wins back, cell by cell, where it costs 0.01 or more."""
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (model, category, *_), some in grouped(rows, "model", "category", "noise", "seed").items():
        area = {row["method"]: float(row["image_auroc"]) for row in some}
        vanilla, oracle = area.get("none"), area.get("oracle")
        if vanilla is None or oracle is None or oracle - vanilla < 0.01:
            continue
        for method in METHODS[1:-1]:
            if method in area:
                closed = gap_closure(area[method], vanilla, oracle)
                assert closed is not None
                found[model, method][category].append(closed)
    categories = sorted({category for by in found.values() for category in by})
    lines = []
    for (model, method), by_category in sorted(found.items()):
        every = [value for some in by_category.values() for value in some]
        means = [statistics.fmean(by_category[c]) if by_category.get(c) else None for c in categories]
        cells = [f"{value:.2f}" if value is not None else "-" for value in means]
        mean, median = statistics.fmean(every), statistics.median(every)
        lines.append([model, method, str(len(every)), f"{mean:.2f}", f"{median:.2f}", *cells])
    return markdown(["detector", "method", "cells", "mean", "median", *categories], lines)


def differences(rows: Sequence[Row]) -> str:
    """Image AUROC of robust less that of the others, in pairs of a category and seed."""
    lines = []
    for (model, noise), some in grouped(rows, "model", "noise").items():
        places = grouped(some, "category", "seed").values()
        areas = [{row["method"]: float(row["image_auroc"]) for row in place} for place in places]
        for other in METHODS[:-2]:
            pairs = [area["robust"] - area[other] for area in areas if {"robust", other} <= area.keys()]
            if pairs:
                found = compare_differences(pairs)
                low, high = found.interval or (float("nan"), float("nan"))
                interval = f"{low:+.3f} to {high:+.3f}"
                lines.append([model, noise, other, str(found.n), f"{found.mean:+.3f}", interval])
    return markdown(["detector", "noise", "robust less", "pairs", "difference", "95 % interval"], lines)


def maps(rows: Sequence[Row]) -> str:
    """Pixel measures of detectors with maps."""
    lines = []
    with_maps = [row for row in rows if row["pixel_auroc"]]
    for keys, some in grouped(with_maps, "model", "category", "noise", "method").items():
        cells = [mean_sd(values(some, column)) for column in ("image_auroc", "pixel_auroc", "aupro")]
        lines.append([*keys, *cells])
    head = ["detector", "category", "noise", "method", "image AUROC", "pixel AUROC", "AUPRO"]
    return markdown(head, lines)


def removals(rows: Sequence[Row]) -> str:
    """What the removal finds, without a detector."""
    lines = []
    for (setting, category, noise), some in grouped(rows, "setting", "category", "noise").items():
        bad, good = (sum(values(some, c)) for c in ("removed_bad", "removed_good"))
        injected = sum(values(some, "injected"))
        normal = sum(values(some, "images")) - injected
        lines.append(
            [
                *(setting, category, noise, mean_sd(values(some, "detection_auroc"))),
                f"{bad / injected:.2f}" if injected else "-",
                f"{bad / (bad + good):.2f}" if injected and bad + good else "-",
                f"{good / normal:.3f}",
                mean_sd(values(some, "seconds"), 1),
            ]
        )
    head = [
        "setting",
        "category",
        "noise",
        "detection AUROC",
        "recall",
        "precision",
        "normal removed",
        "s",
    ]
    return markdown(head, lines)


def text() -> str:
    """All tables."""
    rows = read_rows(HERE / "results.csv")
    parts = [
        ("Image AUROC", areas(rows)),
        ("Gap closure, where noise costs 0.01 or more", closures(rows)),
        ("Robust against the others", differences(rows)),
        ("Maps", maps(rows)),
        *((title, removals(read_rows(HERE / f"removals_{name}.csv"))) for name, title in TITLES.items()),
    ]
    return (
        "# Tables of the study\n\n"
        + "\n\n".join(f"## {title}\n\n{part}" for title, part in parts)
        + "\n"
    )


if __name__ == "__main__":
    (HERE / "tables.md").write_text(text(), encoding="utf-8")
