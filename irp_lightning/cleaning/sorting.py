"""The photographs in folders, as the tables of a cleaning say: MVTec's layout."""

import errno
import filecmp
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from irp_lightning.cleaning.suspects import removed_names
from irp_lightning.foundation.atomic import PARTIAL_SUFFIX, remove_partial_files, write_whole
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import named_file, printable
from irp_lightning.runs.folder import SUSPECTS, csv_rows
from irp_lightning.runs.record import Record, read_record

__all__ = ["sort_photographs"]

GOOD, SUSPECT = "train/good", "test/suspect"


def _link(source: Path, to: Path) -> None:
    to.symlink_to(source.absolute())


def _copy(source: Path, to: Path) -> None:
    write_whole(to, partial(shutil.copy2, source))


def _move_link(source: Path, to: Path, moved: Mapping[str, Path]) -> None:
    """Move a link: the way to its file may hold from its old place alone, and its file may move, too."""
    target = os.path.realpath(source)
    to.symlink_to(moved[target].absolute() if moved.get(target, to) != to else target)
    source.unlink()


def _move(source: Path, to: Path) -> None:
    try:
        source.rename(to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, to)  # to another disk; the source goes once the copy is whole
        source.unlink()


HOW: dict[str, Callable[[Path, Path], None]] = {"link": _link, "copy": _copy, "move": _move}


def sort_photographs(out: Path, how: str, to: Path, *, really: bool) -> list[tuple[Path, Path]]:
    """Say what would lie where, and put it there if that is wanted. Nothing is deleted or overwritten.

    The same command resumes where it was stopped.

    Args:
        out: The folder of a cleaning.
        how: ``link``, ``copy`` or ``move``.
        to: The folder for them.
        really: Do it.

    Returns:
        Photographs and their places.

    Raises:
        InputError: A photograph is gone, a place is taken, or is no place for photographs.
    """
    record = read_record(out)
    assert isinstance(record, Record)  # it was just completed
    _check_place(_root(record), how, to)
    plan = _plan(record, to)
    done = set()
    for source, place in plan:
        there = os.path.lexists(place)
        if there and _is_done(how, source, place):
            done.add((source, place))
            continue
        if not source.is_file():
            raise InputError(f"{printable(source)} is missing; clean again, or restore the image")
        if there:
            raise InputError(f"{printable(place)} exists already; give an empty folder to --{how}")
    _check_strangers({place for _, place in plan}, how, to)
    kept = sum(place.parent == to / GOOD for _, place in plan)
    print(
        f"--{how}: {kept} photographs to {printable(to / GOOD)}, {len(plan) - kept} to "
        f"{printable(to / SUSPECT)}" + (f"; {len(done)} are there already" if done else "")
    )
    if not really:
        print("nothing was done yet; --yes does it")
        return plan
    for folder in (to / GOOD, to / SUSPECT):
        remove_partial_files(folder)
    moved = {os.path.realpath(s): place for s, place in plan if not s.is_symlink()}
    for source, place in plan:
        if (source, place) in done:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if how == "move" and source.is_symlink():
            _move_link(source, place, moved)
        else:
            HOW[how](source, place)
    return plan


def _check_strangers(places: set[Path], how: str, to: Path) -> None:
    """Refuse what another list has put there: whoever trains on the folder would train on both."""
    for folder in (to / GOOD, to / SUSPECT):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file not in places and PARTIAL_SUFFIX not in file.name:
                raise InputError(
                    f"{printable(file)} exists, and is not from this list; give an empty "
                    f"folder to --{how}"
                )


def _is_done(how: str, source: Path, place: Path) -> bool:
    """Check whether a photograph is in its place already, put there by a command that was stopped."""
    if how == "move":
        return not os.path.lexists(source)
    if how == "link":
        return place.is_symlink() and Path(os.path.realpath(place)) == Path(os.path.realpath(source))
    return place.is_file() and source.is_file() and filecmp.cmp(source, place, shallow=False)


def _root(record: Record) -> Path:
    return named_file(Path(), str(record.config["data"]["root"]))


def _check_place(root: Path, how: str, to: Path) -> None:
    for folder in (to / GOOD, to / SUSPECT):
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        if not there.is_dir():
            raise InputError(f"{printable(there)} is not a folder; give another one to --{how}")
    if root.is_dir() and Path(os.path.realpath(to)).is_relative_to(os.path.realpath(root)):
        raise InputError(
            f"--{how} {printable(to)} is inside {printable(root)}: the next cleaning would take "
            "its pictures for photographs; give a folder beside it"
        )


def _plan(record: Record, to: Path) -> list[tuple[Path, Path]]:
    suspects = set(removed_names(csv_rows(record.folder / SUSPECTS)))
    plan, taken = [], set()
    for row in record.manifest():
        if row["split"] != "train":
            continue
        photo = record.photograph(row["path"])
        # Where there is none, DIR is a table, whose rows are relative to its folder.
        source = named_file(_root(record).parent, row["path"]) if photo is None else photo.path
        folder = to / (SUSPECT if row["path"] in suspects else GOOD)
        name = "__".join(Path(row["path"]).parts) if photo else printable(source.name)
        place, number = folder / name, 1
        # Some file systems take A.png and a.png for one file.
        while str(place).casefold() in taken:
            number += 1
            place = folder / f"{number}_{name}"
        taken.add(str(place).casefold())
        plan.append((source, place))
    return plan
