"""Every run folder on a line: those that are compared, and the others with the reason."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from irp_lightning.comparison.budget import remark
from irp_lightning.comparison.names import percent
from irp_lightning.comparison.page import link_to
from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.table import Entry, Table, number, records, text
from irp_lightning.runs.record import Unusable

__all__ = ["all_runs", "not_compared"]

RECORD = (
    *("run", "dataset", "class", "detector", "method", "noise", "seed", "image_auroc"),
    *("removed_good", "removed_bad", "injected", "normal", "rounds", "epochs_trained", "seconds"),
    "remarks",
)


def all_runs(runs: Sequence[Run], folder: Path, page: Path) -> Table:
    """The runs that are compared, each with a link to its folder.

    Args:
        runs: The runs to list.
        folder: The sweep's, which names are relative to.
        page: The page's, which links are relative to.
    """
    figures = [
        (
            *(_name(r.folder, folder), str(r.dataset), r.category, str(r.detector), str(r.method)),
            *(r.noise, r.seed, r.auroc, r.removed_good, r.removed_bad, r.injected, r.normal),
            *(r.rounds, r.budget.epochs, r.seconds, remark([r.budget])),
        )
        for r in runs
    ]
    found = records(RECORD, figures)
    return Table(
        name="runs",
        title="All runs",
        caption="Every run that is compared; its name leads to its folder.",
        columns=(
            *("run", "dataset", "class", "detector", "method", "noise", "seed", "image AUROC"),
            *("good removed", "bad removed", "rounds", "epochs", "seconds", "remarks"),
        ),
        rows=[_row(r, link_to(run.folder, page)) for r, run in zip(found, runs, strict=True)],
        columns_of_records=RECORD,
        records=found,
    )


def _row(r: Mapping[str, Any], link: str) -> list[Entry]:
    return [
        Entry(r["run"], link=link),
        *(text(r[name]) for name in RECORD[1:5]),
        Entry(percent(r["noise"]), r["noise"]),
        number(r["seed"], 0),
        number(r["image_auroc"], 4),
        number(r["removed_good"], 0),
        Entry(f"{r['removed_bad']} of {r['injected']}", r["removed_bad"]),
        number(r["rounds"], 0),
        number(r["epochs_trained"], 0),
        number(r["seconds"], 0),
        text(r["remarks"]),
    ]


def not_compared(
    unusable: Sequence[Unusable], repeated: Sequence[tuple[Path, Path]], folder: Path, page: Path
) -> Table:
    """Failed, unfinished and unreadable runs, and those that repeat another."""
    found = [(u.folder, u.status, u.reason) for u in unusable] + [
        (again, "repeated", f"settings of {_name(first, folder)}, which counts")
        for again, first in repeated
    ]
    lines = [(_name(path, folder), status, reason) for path, status, reason in found]
    columns = ("run", "status", "reason")
    return Table(
        name="not_compared",
        title="Not compared",
        caption="Run folders below the sweep that are in no figure of this page."
        if lines
        else "Every run folder below the sweep is compared.",
        columns=columns,
        rows=[
            [Entry(name, link=link_to(path, page)), text(status), text(reason)]
            for (name, status, reason), (path, *_) in zip(lines, found, strict=True)
        ],
        columns_of_records=columns,
        records=records(columns, lines),
    )


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else path.resolve().name
