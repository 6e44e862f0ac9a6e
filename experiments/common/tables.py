"""Tables of a study: CSV files, Markdown, and what stands in their cells."""

import csv
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["markdown", "mean_sd", "read_rows", "spread", "write_rows"]


def read_rows(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as text by column."""
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV; the first one's keys are the columns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def spread(values: Sequence[float]) -> float:
    """The sample standard deviation; 0 of a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def mean_sd(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± sample standard deviation; ``-`` of no values, and no spread of one."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{statistics.fmean(values):.{digits}f} ± {spread(values):.{digits}f}"
