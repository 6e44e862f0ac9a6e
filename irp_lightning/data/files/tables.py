"""Tables that a user gives, as CSV: read to their end or refused, never in part."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from irp_lightning.data.audit.remarks import Remark, listed
from irp_lightning.foundation.cells import from_cell
from irp_lightning.foundation.errors import WrongValue, one_line

__all__ = ["Table", "read_table"]

LARGEST = 2**30
"""Bytes that a table may have: all of it is read into memory."""

OWN = frozenset(
    {
        *("grade", "score", "final_score", "detector_score", "percentile"),
        *("round", "cluster", "look_alike", "why"),
    }
)
"""Columns that cleaning writes for people to look at: they come back with its tables."""


@dataclass(frozen=True)
class Table:
    """Content of a CSV file.

    Attributes:
        file: The file.
        rows: The number of each row's last line, counted from 1, and its texts by column.
        columns: The columns with something in them: by the name that rows have, the name in the file.
    """

    file: Path
    rows: list[tuple[int, dict[str, str]]]
    columns: dict[str, str]

    def unread(self, known: Sequence[str], meant: Mapping[str, str] | None = None) -> list[Remark]:
        """Name the columns that nobody reads.

        Args:
            known: Columns that are read.
            meant: By other names that a column may go by, what it should be called. Where there is one
                and the right one is missing, figures say something else than they seem to.
        """
        others = {column: name for column, name in self.columns.items() if column not in {*known, *OWN}}
        if not others:
            return []
        right = {name: (meant or {}).get(column) for column, name in others.items()}
        hints = [f"call {name} {r}" for name, r in right.items() if r and r not in self.columns]
        text = f"columns of {self.file.name} that are not read: {listed(list(others.values()), 8)}"
        if hints:
            text += f"; {', '.join(hints)} if it should count"
        return [Remark("columns_not_read", len(others), text, falsifies=bool(hints))]


def read_table(field: str, file: Path, needed: Sequence[str], wanted: str) -> Table:
    """Read a CSV file that begins with the names of its columns.

    Capitals in these names and spaces around them do not count; rows without any text are passed over.
    Bytes that are no UTF-8 are kept as Python keeps them in file names: names that differ in the file
    differ here. Texts that :func:`~irp_lightning.foundation.cells.as_cell` has written come back.

    Args:
        field: The configuration's field that names the file, for messages.
        file: The file.
        needed: Columns that the table must have.
        wanted: What to give instead, for messages.

    Returns:
        The table; what a short row lacks is empty.

    Raises:
        WrongValue: There is no such file, it cannot be read, is too large, is no CSV, or lacks a column.
    """

    def refuse(reason: str) -> WrongValue:
        return WrongValue(field, file, f"{reason}; give {wanted}")

    if not file.is_file():
        raise refuse("is not a file")
    try:
        if (size := file.stat().st_size) > LARGEST:
            raise refuse(f"has {size / 2**30:.1f} GiB, and a table may have {LARGEST / 2**30:g}")
        content = file.read_bytes()
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})") from error
    if b"\0" in content:  # UTF-16, which spreadsheets offer as Unicode text, is full of them
        raise refuse("holds zero bytes and is not a UTF-8 CSV")
    try:
        (_, names), *lines = _lines(content.decode("utf-8-sig", "surrogateescape")) or [(0, [])]
    except csv.Error as error:
        raise refuse(f"is not a CSV: {error}") from error
    if not names:
        raise refuse("is empty")
    names = [name.strip() for name in names]
    columns = [name.casefold() for name in names]
    if not set(needed) <= set(columns):
        raise refuse(f"has the columns {', '.join(names)} and needs {' and '.join(needed)}")
    named = [column for column in columns if column]  # spreadsheets leave empty ones behind
    if len(set(named)) < len(named):
        raise refuse(f"has a column twice ({', '.join(names)})")
    rows = []
    for number, texts in lines:
        if any(texts[len(columns) :]):
            raise refuse(f"has {len(texts)} values in line {number} and {len(columns)} columns")
        told = [*texts, *([""] * len(columns))]
        rows.append((number, dict(zip(columns, told, strict=False))))
    filled = {column for _, row in rows for column, text in row.items() if text.strip()}
    spelt = zip(columns, names, strict=True)
    return Table(file, rows, {c: name or "one without a name" for c, name in spelt if c in filled})


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """The lines with any text in them, and the number of each.

    Raises:
        csv.Error: It is no CSV; with the line.
    """
    # Where a space follows the header's commas it does so in all lines, and quotes come behind it.
    spaced = ", " in next(iter(text[:10_000].lstrip().splitlines()), "")
    # strict: else a quote that is never closed swallows the rows behind it without a word.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=spaced)
    found = []
    try:
        for texts in reader:
            if any(text.strip() for text in texts):
                found.append((reader.line_num, [from_cell(text) for text in texts]))
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}, {one_line(error)}") from error
    return found
