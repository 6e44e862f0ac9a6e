"""Every run folder on a line: those that are compared, and the others with the reason."""

import math
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.comparison.labels import Labelled, percent
from irp_lightning.comparison.page import link_to
from irp_lightning.comparison.runs import Unusable
from irp_lightning.comparison.table import Cell, Table, number, text

__all__ = ["all_runs", "not_compared"]


def all_runs(runs: Sequence[Labelled], folder: Path, page: Path) -> Table:
    """The runs that are compared, each with a link to its folder.

    Args:
        runs: They.
        folder: The sweep's, which names are relative to.
        page: The page's, which links are relative to.
    """
    rows, records = [], []
    for run in runs:
        r = run.run
        name = _name(r.folder, folder)
        seconds = None if math.isnan(r.seconds) else r.seconds
        rows.append(
            [
                Cell(name, link=link_to(r.folder, page)),
                *map(text, (run.dataset, r.category, run.detector, run.method)),
                Cell(percent(r.noise), r.noise),
                number(r.seed, 0),
                number(r.auroc, 4),
                Cell(f"{r.removed_good}", r.removed_good),
                Cell(f"{r.removed_bad} of {r.injected}", r.removed_bad),
                number(r.rounds, 0),
                number(seconds, 0),
            ]
        )
        figures = (name, run.dataset, r.category, run.detector, run.method, r.noise, r.seed, r.auroc)
        counts = (r.removed_good, r.removed_bad, r.injected, r.normal, r.rounds, seconds)
        records.append(dict(zip(RECORD, (*figures, *counts), strict=True)))
    return Table(
        name="runs",
        title="All runs",
        caption="Every run that is compared; its name leads to its folder.",
        columns=(
            *("run", "dataset", "class", "detector", "method", "noise", "seed", "image AUROC"),
            *("good removed", "bad removed", "rounds", "seconds"),
        ),
        rows=rows,
        columns_of_records=RECORD,
        records=records,
    )


RECORD = (
    *("run", "dataset", "class", "detector", "method", "noise", "seed", "image_auroc"),
    *("removed_good", "removed_bad", "injected", "normal", "rounds", "seconds"),
)


def not_compared(
    unusable: Sequence[Unusable], repeated: Sequence[tuple[Path, Path]], folder: Path, page: Path
) -> Table:
    """Failed, unfinished and unreadable runs, and those that repeat another."""
    found = [(u.folder, u.status, u.reason) for u in unusable] + [
        (again, "repeated", f"equal to {_name(first, folder)}, which counts")
        for again, first in repeated
    ]
    lines = [(_name(path, folder), status, reason) for path, status, reason in found]
    return Table(
        name="not_compared",
        title="Not compared",
        caption="Run folders below the sweep's that no figure on this page is of."
        if lines
        else "Every run folder below the sweep's is compared.",
        columns=("run", "status", "reason"),
        rows=[
            [Cell(name, link=link_to(path, page)), text(status), text(reason)]
            for (name, status, reason), (path, *_) in zip(lines, found, strict=True)
        ],
        columns_of_records=("run", "status", "reason"),
        records=[{"run": name, "status": status, "reason": reason} for name, status, reason in lines],
    )


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else path.resolve().name
