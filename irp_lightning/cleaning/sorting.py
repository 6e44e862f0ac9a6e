"""The photographs in folders, as the tables of a cleaning say: MVTec's layout."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable
from irp_lightning.runs.folder import SUSPECTS, csv_rows
from irp_lightning.runs.record import Record, read_record

__all__ = ["sort_photographs"]

GOOD, SUSPECT = "train/good", "test/suspect"

HOW: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda source, to: to.symlink_to(source),
    "copy": shutil.copy2,
    "move": shutil.move,
}


def sort_photographs(out: Path, how: str, to: Path, *, really: bool) -> list[tuple[Path, Path]]:
    """Say what would lie where, and put it there if that is wanted. Nothing is deleted or overwritten.

    Args:
        out: The folder of a cleaning.
        how: ``link``, ``copy`` or ``move``.
        to: The folder for them.
        really: Do it.

    Returns:
        Photographs and their places.

    Raises:
        InputError: A photograph is gone, or a place is taken.
    """
    plan = _plan(out, to)
    for source, place in plan:
        if not source.is_file():
            raise InputError(
                f"{printable(source)} is gone; clean again, or give the folder its images back"
            )
        if os.path.lexists(place):
            raise InputError(f"{printable(place)} is there already; give an empty folder to --{how}")
    kept = sum(place.parent == to / GOOD for _, place in plan)
    print(
        f"--{how}: {kept} photographs to {printable(to / GOOD)}, {len(plan) - kept} to "
        f"{printable(to / SUSPECT)}"
    )
    if not really:
        print("nothing was done yet; with --yes it is")
        return plan
    for source, place in plan:
        place.parent.mkdir(parents=True, exist_ok=True)
        HOW[how](source, place)
    return plan


def _plan(out: Path, to: Path) -> list[tuple[Path, Path]]:
    record = read_record(out)
    assert isinstance(record, Record)  # it was just completed
    suspects = {row["path"] for row in csv_rows(out / SUSPECTS)}
    plan, taken = [], set()
    for row in record.manifest():
        if row["split"] != "train":
            continue
        photo = record.photograph(row["path"])
        source = Path(row["path"]) if photo is None else photo.path
        folder = to / (SUSPECT if row["path"] in suspects else GOOD)
        name = "__".join(Path(row["path"]).parts).lstrip("/_") if photo else source.name
        place, number = folder / name, 1
        while place in taken:
            number += 1
            place = folder / f"{number}_{name}"
        taken.add(place)
        plan.append((source, place))
    return plan
