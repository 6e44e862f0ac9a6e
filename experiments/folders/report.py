"""``results.csv`` as the tables of README.md: ``python -m experiments.folders.report``."""

import statistics
from collections.abc import Callable, Sequence

from scipy import stats

from experiments.common.tables import markdown, read_rows
from experiments.folders.run import ASKED, HERE, LOOKS

Row = dict[str, str]

SHARES = ("precision", "recall", "first", "ranking_auroc", "auroc_before", "auroc_after")
FOUND = (
    *("folder", "noise", "photographs", "removed", "precision", "recall", "among the first"),
    *("ranking AUROC", "AUROC before", "after"),
)


def main() -> None:
    """Print them."""
    print(text())


def text() -> str:
    """Suspects, false alarms and looks: three tables, and the change of AUROC."""
    rows = read_rows(HERE / "results.csv")
    lines = []
    for category, noise in sorted({(row["category"], row["noise"]) for row in rows}):
        some = [r for r in rows if (r["category"], r["noise"]) == (category, noise)]
        counts = f"{mean(some, 'images'):.0f}", f"{mean(some, 'removed'):.1f}"
        lines.append((category, noise, *counts, *(f"{mean(some, key):.3f}" for key in SHARES)))
    parts = [markdown(FOUND, lines)]
    change = [float(r["auroc_after"]) - float(r["auroc_before"]) for r in rows]
    low, high = stats.t.interval(0.95, len(change) - 1, statistics.fmean(change), stats.sem(change))
    parts.append(
        f"AUROC after minus before, {len(rows)} folders: {statistics.fmean(change):+.4f} "
        f"({low:+.4f} … {high:+.4f})"
    )
    head = [
        name
        for end in (*(f"asked {100 * asked:g} %" for asked in ASKED), "best F1")
        for name in (f"{end}: got", "defects found")
    ]
    lines = []
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
        lines.append((name, *entries))
    parts.append(markdown(("folder", *head), lines))
    columns = [f"{way}_{{}}_{what}" for way in ("proposed", "top") for what in ("recall", "precision")]
    lines = [("0", *2 * [f"{mean(rows, what):.3f}" for what in ("recall", "precision")])]
    lines += [
        (str(count), *(f"{mean(rows, column.format(count)):.3f}" for column in columns))
        for count in LOOKS
    ]
    parts.append(
        markdown(("looks", "proposed: recall", "precision", "from the top: recall", "precision"), lines)
    )
    return "\n\n".join(parts)


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
