"""``results.csv`` as the tables of README.md: ``python -m experiments.folders.report``."""

import statistics
from collections.abc import Callable, Sequence

from scipy import stats

from experiments.folders.run import ASKED, HERE, LOOKS, read

Row = dict[str, str]


def main() -> None:
    """Print them."""
    rows = read(HERE / "results.csv")
    keys = sorted({(row["category"], row["noise"]) for row in rows})
    groups = [(*key, [r for r in rows if (r["category"], r["noise"]) == key]) for key in keys]
    print(
        "| folder | noise | photographs | removed | precision | recall | among the first |",
        "ranking AUROC | AUROC before | after |\n|" + " --- |" * 10,
    )
    for category, noise, some in groups:
        counts = f"{mean(some, 'images'):.0f} | {mean(some, 'removed'):.1f}"
        shares = [mean(some, key) for key in ("precision", "recall", "first", "ranking_auroc")]
        areas = [mean(some, key) for key in ("auroc_before", "auroc_after")]
        print(
            f"| {category} | {noise} | {counts} |", " | ".join(f"{v:.3f}" for v in shares + areas), "|"
        )
    change = [float(r["auroc_after"]) - float(r["auroc_before"]) for r in rows]
    low, high = stats.t.interval(0.95, len(change) - 1, statistics.fmean(change), stats.sem(change))
    print(
        f"\nAUROC after minus before, {len(rows)} folders: {statistics.fmean(change):+.4f} "
        f"({low:+.4f} … {high:+.4f})\n"
    )
    names = [f"{100 * asked:g} %" for asked in ASKED]
    print(
        "| folder |",
        " | ".join(f"asked {n}: got | defects found" for n in names),
        "| best F1: got | found |",
    )
    print("|" + " --- |" * (3 + 2 * len(ASKED)))
    for name in [*sorted({row["category"] for row in rows}), "all"]:
        some = [row for row in rows if name in (row["category"], "all")]
        entries = [
            entry
            for end in (*ASKED, "best_f1")
            for entry in (
                rate(some, f"false_alarms_{end}", "test_good"),
                share(some, f"hits_{end}", "test_bad"),
            )
        ]
        print(f"| {name} |", " | ".join(entries), "|")
    print(
        "\n| looks | proposed: recall | precision | from the top: recall | precision |\n|" + " --- |" * 5
    )
    rule = f"{mean(rows, 'recall'):.3f} | {mean(rows, 'precision'):.3f}"
    print(f"| 0 | {rule} | {rule} |")
    for count in LOOKS:
        found = [
            f"{mean(rows, f'{way}_{count}_{what}'):.3f}"
            for way in ("proposed", "top")
            for what in ("recall", "precision")
        ]
        print(f"| {count} |", " | ".join(found), "|")


def mean(rows: Sequence[Row], key: str) -> float:
    """Over folders."""
    return statistics.fmean(float(row[key]) for row in rows)


def total(rows: Sequence[Row], key: str) -> int:
    """Over folders."""
    return sum(int(row[key]) for row in rows)


def share(rows: Sequence[Row], key: str, of: str) -> str:
    """In percent."""
    return f"{100 * total(rows, key) / total(rows, of):.0f} %"


def rate(rows: Sequence[Row], key: str, of: str) -> str:
    """In percent, with its exact (Clopper-Pearson) 95 % interval.

    The folders of a category share test images: the interval is too narrow by up to √9.
    """
    k, n = total(rows, key), total(rows, of)
    quantile: Callable[..., float] = stats.beta.ppf
    low = quantile(0.025, k, n - k + 1) if k else 0.0
    high = quantile(0.975, k + 1, n - k) if k < n else 1.0
    return f"{100 * k / n:.1f} % ({k} of {n}; {100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
