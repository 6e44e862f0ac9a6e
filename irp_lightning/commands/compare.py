"""Compare many runs: ``irp-lightning compare FOLDER``, from run folders alone.

Prints one table; tables (CSV, Markdown, LaTeX), figures (PNG, SVG) and one HTML page that shows all of
them go to ``FOLDER/comparison``.
"""

import argparse
from pathlib import Path

from rich.table import Table
from rich.text import Text

from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.runs.summary import print_wide

__all__ = ["main"]

WIDTH = 118
"""Columns that the console's table may always take."""

STATUS = {"failed": "failed or unreadable", "unreadable": "failed or unreadable"}
"""How the console calls what is not compared, where not by its status."""


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="irp-lightning compare", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="a sweep folder, or any folder above run folders")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the files (default: FOLDER/comparison)"
    )
    options = parser.parse_args(arguments)
    with ends_in_one_line():
        _compare(options.folder, options.out or options.folder / "comparison")


def _compare(folder: Path, out: Path) -> None:
    # Not before the arguments are read: drawing and testing take a second to import.
    from irp_lightning.comparison.report import write_report

    report = write_report(folder, out)
    shown = Table(*report.overview.columns)
    for column in shown.columns:
        column.no_wrap = True
    for i, row in enumerate(report.overview.rows):
        if i in report.overview.breaks:
            shown.add_section()
        shown.add_row(*(Text(entry.text) for entry in row))
    print_wide(shown, WIDTH)
    for note in report.overview.notes:
        print(note)
    for other in report.unusable:
        status = STATUS.get(other.status, other.status)
        print(f"{status}: {other.folder} ({other.reason})")
    for again, kept in report.repeated:
        print(f"repeated: {again} (same settings as {kept}, which counts)")
    for line in report.caveats:
        print(f"! {line}")
    print(f"{report.finished} finished runs below {folder.resolve()}")
    print(f"page, tables and figures: {(out / 'index.html').resolve()}")
