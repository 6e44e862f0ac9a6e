"""A table as every format shows it: cells, a caption that explains them, and notes."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

__all__ = ["Cell", "Table", "mean_sd", "number", "signed", "spread", "text"]

NOTHING, MINUS = "–", "−"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

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
        rows: One cell a column.
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
    rows: Sequence[Sequence[Cell]]
    columns_of_records: Sequence[str]
    records: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    strong: frozenset[int] = frozenset()
    breaks: frozenset[int] = frozenset()

    @cached_property
    def numeric(self) -> list[bool]:
        """For each column whether it holds numbers, and nothing else but gaps."""

        def column(i: int) -> bool:
            cells = [row[i] for row in self.rows]
            gaps = (c.key is not None or c.text == "" or c.text.startswith(NOTHING) for c in cells)
            return any(c.key is not None for c in cells) and all(gaps)

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


def text(value: object) -> Cell:
    """A cell of words."""
    return Cell(str(value))


def number(value: float | None, digits: int = 3) -> Cell:
    """A cell of one number; a dash where there is none."""
    return Cell(NOTHING) if value is None else Cell(f"{value:.{digits}f}", value)


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.4f}".replace("-", MINUS)


def mean_sd(values: Sequence[float], digits: int = 3) -> Cell:
    """A cell of ``mean`` of one value, ``mean ± sample standard deviation`` (n − 1) of several."""
    if not values:
        return Cell(NOTHING)
    return spread(
        statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, digits=digits
    )


def spread(mean: float, sd: float | None, mark: str = "", digits: int = 3) -> Cell:
    """A cell of ``mean ± sd``, sorted by the mean."""
    shown = f"{mean:.{digits}f}" if sd is None else f"{mean:.{digits}f} ± {sd:.{digits}f}"
    return Cell(f"{shown}{mark}".replace("-", MINUS), mean)
