"""A table as every format shows it: entries, a caption that explains them, and notes."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

__all__ = [
    *("NOTHING", "Entry", "Table"),
    *("mean_sd", "number", "parts", "records", "signed", "spread", "text"),
]

NOTHING, MINUS = "–", "−"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        text: As it is read.
        key: As it is sorted, where it is a number; None: by the text.
        link: Where it leads, relative to the page.
    """

    text: str
    key: float | None = None
    link: str | None = None


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: Of its files.
        title: Its heading.
        caption: What its figures are; each ± explained.
        columns: Headings.
        rows: One entry a column.
        columns_of_records: Of the CSV file.
        records: The CSV file's rows: unrounded, one figure a column.
        notes: Footnotes.
        strong: Numbers of the rows that sum others up.
        breaks: Numbers of the rows that begin a new part.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Entry]]
    columns_of_records: Sequence[str]
    records: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    strong: frozenset[int] = frozenset()
    breaks: frozenset[int] = frozenset()

    @cached_property
    def numeric(self) -> list[bool]:
        """For each column whether it holds numbers, and nothing else but gaps."""

        def column(i: int) -> bool:
            entries = [row[i] for row in self.rows]
            gaps = (e.key is not None or e.text == "" or e.text.startswith(NOTHING) for e in entries)
            return any(e.key is not None for e in entries) and all(gaps)

        return [column(i) for i in range(len(self.columns))]

    def without_constant(self, *columns: str) -> "Table":
        """The table without those of the given columns that say the same in every row."""
        gone = {
            i
            for i, name in enumerate(self.columns)
            if name in columns and len({row[i].text for row in self.rows}) <= 1
        }
        kept = [i for i in range(len(self.columns)) if i not in gone]
        alike = [(self.columns[i], self.rows[0][i].text) for i in sorted(gone) if self.rows]
        return replace(
            self,
            caption=" ".join([*(f"{name.capitalize()}: {said}." for name, said in alike), self.caption]),
            columns=[self.columns[i] for i in kept],
            rows=[[row[i] for i in kept] for row in self.rows],
        )


def parts(rows: Sequence[Sequence[Entry]], columns: int) -> frozenset[int]:
    """The rows in which one of the first columns begins to say something else."""
    heads = [[entry.text for entry in row[:columns]] for row in rows]
    return frozenset(i for i in range(1, len(rows)) if heads[i] != heads[i - 1])


def records(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows of a CSV file by column."""
    return [dict(zip(columns, row, strict=True)) for row in rows]


def text(value: object) -> Entry:
    """An entry of words."""
    return Entry(str(value))


def number(value: float | None, digits: int = 3) -> Entry:
    """An entry of one number; a dash where there is none."""
    return Entry(NOTHING) if value is None else Entry(f"{value:.{digits}f}", value)


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.4f}".replace("-", MINUS)


def mean_sd(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation (n − 1), each None of too few values."""
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None


def spread(mean: float | None, sd: float | None, mark: str = "", digits: int = 3) -> Entry:
    """An entry of ``mean ± sd``, sorted by the mean; a dash where there is none."""
    if mean is None:
        return Entry(NOTHING)
    shown = f"{mean:.{digits}f}" if sd is None else f"{mean:.{digits}f} ± {sd:.{digits}f}"
    return Entry(f"{shown}{mark}".replace("-", MINUS), mean)
