"""Many runs beside each other: ``python -m irp_lightning.compare FOLDER``, from run folders alone.

Prints one table; tables (CSV, Markdown, LaTeX), figures (PNG, SVG) and one HTML page that shows all of
them go to ``FOLDER/comparison``.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from irp_lightning.comparison.areas import area_table, noise_levels
from irp_lightning.comparison.curves import class_curves, dataset_curves
from irp_lightning.comparison.export import write_picture, write_table
from irp_lightning.comparison.gallery import CAPTION, gallery, removed_images
from irp_lightning.comparison.inventory import all_runs, not_compared
from irp_lightning.comparison.labels import Labelled, label, percent, without_duplicates
from irp_lightning.comparison.overview import overview
from irp_lightning.comparison.page import Content, render
from irp_lightning.comparison.paired import paired_table
from irp_lightning.comparison.removals import removal_table
from irp_lightning.comparison.runs import Found, read_runs
from irp_lightning.comparison.table import Table
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.run_folder import RunFolder

__all__ = ["compare", "main"]

WIDTH = 118
"""Columns that the console's table may always take."""

CONSTANT = ("dataset", "detector")
"""Columns that say nothing where they say one thing."""


def compare(folder: Path, out: Path) -> tuple[Table, Found, list[tuple[Path, Path]]]:
    """Write the tables, the figures and the page of all runs below a folder.

    Args:
        folder: A sweep's, or any above run folders.
        out: Where the files go.

    Returns:
        The table for the console, what was found, and the repeated runs with those they repeat.

    Raises:
        InputError: There is no run, or ``out`` cannot be written.
    """
    found = read_runs(folder)
    runs, repeated = without_duplicates(label(found.runs))
    lines = overview(runs)
    results = [
        table.without_constant(*CONSTANT)
        for table in (lines, area_table(runs), removal_table(runs), paired_table(runs))
    ]
    first = dataset_curves(runs)
    curves = [*([first] if first else []), *class_curves(runs)]
    groups, remarks = removed_images(runs)
    inventory = all_runs(runs, folder, out), not_compared(found.unusable, repeated, folder, out)
    content = Content(
        title=folder.resolve().name,
        facts=_facts(runs, found, repeated),
        results=results,
        curves=curves,
        gallery=groups,
        caption=CAPTION,
        remarks=remarks,
        runs=inventory[0],
        unusable=inventory[1],
    )
    files = RunFolder(out)
    try:
        for table in (*results, *inventory):
            write_table(files, table)
        for picture in curves:
            write_picture(files, picture)
        pictures = gallery(groups)
        if pictures:
            write_picture(files, pictures)
        files.text("index.html", render(content))
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror}); set --out to another folder"
        ) from error
    return lines.without_constant("dataset"), found, repeated


def _facts(
    runs: Sequence[Labelled], found: Found, repeated: Sequence[tuple[Path, Path]]
) -> list[tuple[str, str]]:
    def listed(values: Sequence[str]) -> str:
        return ", ".join(values) if len(values) <= 8 else f"{len(values)}"

    statuses = [u.status for u in found.unusable] + ["repeated"] * len(repeated)
    others = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)]
    return [
        ("Runs compared", str(len(runs))),
        *([("Not compared", ", ".join(others))] if others else []),
        ("Datasets", listed(sorted({run.dataset for run in runs}))),
        ("Classes", listed(sorted({run.run.category for run in runs}))),
        ("Detectors", listed(sorted({run.detector for run in runs}))),
        ("Noise", listed([percent(noise) for noise in noise_levels(runs)])),
        ("Seeds", listed([str(seed) for seed in sorted({run.run.seed for run in runs})])),
    ]


def _on_console(table: Table) -> RichTable:
    shown = RichTable(*table.columns)
    for column in shown.columns:
        column.no_wrap = True
    for i, row in enumerate(table.rows):
        if i in table.breaks:
            shown.add_section()
        shown.add_row(*(Text(cell.text) for cell in row))
    return shown


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m irp_lightning.compare", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="a sweep folder, or any folder above run folders")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where files go (default: FOLDER/comparison)"
    )
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    out: Path = options.out or folder / "comparison"
    try:
        table, found, repeated = compare(folder, out)
    except InputError as error:
        raise SystemExit(f"irp_lightning: {error}") from None
    shown = _on_console(table)
    # Wide enough for a row without breaks, whatever a pipe or a narrow terminal says.
    wide = Console(width=10_000).measure(shown).maximum
    console = Console(soft_wrap=True, width=max(WIDTH, Console().width, wide))
    console.print(shown)
    for other in found.unusable:
        status = "unfinished" if other.status == "unfinished" else "failed or unreadable"
        console.print(f"{status}: {other.folder} ({other.reason})", markup=False, highlight=False)
    for again, kept in repeated:
        console.print(
            f"repeated: {again} (equal to {kept}, which counts)", markup=False, highlight=False
        )
    console.print(f"{len(found.runs)} finished runs below {folder.resolve()}", markup=False)
    console.print(f"page, tables and figures: {(out / 'index.html').resolve()}", markup=False)


if __name__ == "__main__":
    main()
