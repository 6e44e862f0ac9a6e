"""Tables that a user gives, as CSV: read to their end or refused, never in part."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.foundation.errors import WrongValue, one_line

__all__ = ["read_table"]


def read_table(
    field: str, file: Path, needed: Sequence[str], wanted: str
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file that begins with the names of its columns.

    Bytes that are no UTF-8 are kept as Python keeps them in file names: names that differ in the file
    differ here.

    Args:
        field: The configuration's field that names the file, for messages.
        file: It.
        needed: Columns that it must have.
        wanted: What to give instead, likewise.

    Returns:
        The number of each row's last line, counted from 1, and its values by column; what a short row
        lacks is empty.

    Raises:
        WrongValue: There is no such file, it cannot be read, is no CSV, or lacks a column.
    """

    def refuse(reason: str) -> WrongValue:
        return WrongValue(field, file, f"{reason}; give {wanted}")

    if not file.is_file():
        raise refuse("is not a file")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})") from error
    if b"\0" in content:  # UTF-16, which spreadsheets offer as Unicode text, is full of them
        raise refuse("holds zero bytes and is no CSV in UTF-8")
    text = content.decode("utf-8-sig", "surrogateescape")
    if not text.strip():
        raise refuse("is empty")
    # strict: else a quote that is never closed swallows the rows behind it without a word.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        columns = next(reader)
        if not set(needed) <= set(columns):
            raise refuse(f"has the columns {', '.join(columns)} and needs {' and '.join(needed)}")
        if len(set(columns)) < len(columns):
            raise refuse(f"has a column twice ({', '.join(columns)})")
        for values in reader:
            if any(values[len(columns) :]):
                raise refuse(
                    f"has {len(values)} values in line {reader.line_num} and {len(columns)} columns"
                )
            if values:
                told = [*values, *([""] * len(columns))]
                rows.append((reader.line_num, dict(zip(columns, told, strict=False))))
    except csv.Error as error:
        raise refuse(f"is no CSV: line {reader.line_num}, {one_line(error)}") from error
    return rows
