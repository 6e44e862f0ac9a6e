"""All tables, figures and the page of the runs below a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from irp_lightning.comparison.areas import area_table, noise_levels
from irp_lightning.comparison.caveats import caveats
from irp_lightning.comparison.curves import class_curves, dataset_curves
from irp_lightning.comparison.export import write_picture, write_table
from irp_lightning.comparison.gallery import CAPTION, gallery, removed_images
from irp_lightning.comparison.inventory import all_runs, not_compared
from irp_lightning.comparison.names import percent, with_titles, without_duplicates
from irp_lightning.comparison.overview import overview
from irp_lightning.comparison.page import Content, render
from irp_lightning.comparison.paired import paired_table
from irp_lightning.comparison.removals import removal_table
from irp_lightning.comparison.runs import Run, read_runs
from irp_lightning.comparison.table import Table
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.folder import RunFolder
from irp_lightning.runs.record import Unusable

__all__ = ["Report", "write_report"]

CONSTANT = ("dataset", "detector")
"""Columns that say nothing where they say one thing."""


@dataclass(frozen=True)
class Report:
    """Summary of a comparison.

    Attributes:
        overview: A line for every dataset, detector, noise level and method.
        finished: How many finished runs there are, repeated ones too.
        unusable: Run folders that hold none.
        repeated: The folder of each run that repeats another, and that of the one that counts.
        caveats: What makes the runs less comparable than they look.
    """

    overview: Table
    finished: int
    unusable: list[Unusable]
    repeated: list[tuple[Path, Path]]
    caveats: list[str]


def write_report(folder: Path, out: Path) -> Report:
    """Write the tables, the figures and the page of all runs below a folder.

    Args:
        folder: A sweep's, or any above run folders.
        out: Where the files go.

    Raises:
        InputError: There is no run, or ``out`` cannot be written.
    """
    finished, unusable = read_runs(folder)
    titled = with_titles(finished)
    runs, repeated = without_duplicates(titled)
    lines = overview(runs)
    tables = [lines, area_table(runs), removal_table(runs), paired_table(runs)]
    first = dataset_curves(runs)
    groups, remarks = removed_images(runs)
    warnings = caveats(titled)
    content = Content(
        title=folder.resolve().name,
        facts=_facts(runs, [*(u.status for u in unusable), *["repeated"] * len(repeated)]),
        results=[table.without_constant(*CONSTANT) for table in tables],
        curves=[*([first] if first else []), *class_curves(runs)],
        gallery=groups,
        caption=CAPTION,
        remarks=[*warnings, *remarks],
        runs=all_runs(runs, folder, out),
        unusable=not_compared(unusable, repeated, folder, out),
    )
    try:
        _write(RunFolder(out), content)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror}); set --out to another folder"
        ) from error
    return Report(lines.without_constant("dataset"), len(finished), unusable, repeated, warnings)


def _write(out: RunFolder, content: Content) -> None:
    for table in (*content.results, content.runs, content.unusable):
        write_table(out, table)
    pictures = gallery(content.gallery)
    for picture in (*content.curves, *([pictures] if pictures else [])):
        write_picture(out, picture)
    out.text("index.html", render(content))


def _facts(runs: Sequence[Run], left_out: Sequence[str]) -> list[tuple[str, str]]:
    def listed(values: Sequence[object]) -> str:
        return ", ".join(map(str, values)) if len(values) <= 8 else f"{len(values)}"

    others = [f"{left_out.count(status)} {status}" for status in dict.fromkeys(left_out)]
    return [
        ("Runs compared", str(len(runs))),
        *([("Not compared", ", ".join(others))] if others else []),
        ("Datasets", listed(sorted({run.dataset for run in runs}))),
        ("Classes", listed(sorted({run.category for run in runs}))),
        ("Detectors", listed(sorted({run.detector for run in runs}))),
        ("Noise", listed([percent(noise) for noise in noise_levels(runs)])),
        ("Seeds", listed(sorted({run.seed for run in runs}))),
    ]
