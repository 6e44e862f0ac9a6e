"""A finished run whose images have moved: its files get their new place."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from irp_lightning.data.files.content import content_hashes
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import named_file, printable
from irp_lightning.foundation.spelling import spelt, spelt_key
from irp_lightning.runs.folder import CLEAN, MANIFEST, REPORT, RunFolder, csv_rows, csv_text
from irp_lightning.runs.manifest import read_manifest
from irp_lightning.runs.record import write_config

__all__ = ["another_folder", "check_moved", "take_new_root"]


def another_folder() -> str:
    """Remedy for a folder that holds another run."""
    folder = spelt_key("hydra.run.dir", in_a_sweep="sweep.name")
    return f"set another folder ({folder}), or {spelt('sweep.force', 'true')}"


def check_moved(folder: Path, before: Mapping[str, Any], root: Path) -> dict[Path, Path]:
    """Check that a run's images are in their new place, by their content.

    Args:
        folder: The run folder.
        before: Its configuration.
        root: The new ``data.root``.

    Returns:
        The new place of each image, by its old one.

    Raises:
        InputError: An image is not there, or its content is another.
    """
    if not (folder / MANIFEST).is_file():
        return {}
    old, category = str(before["data"]["root"]), str(before["data"]["category"])
    found: dict[Path, dict[str, str]] = {}
    moved: dict[Path, Path] = {}
    for row in read_manifest(folder):
        name = row.get("file") or row["path"]  # an older manifest has no files
        places = [named_file(place, name) for place in (_base(root), root / category)]
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise InputError(
                f"{folder} holds a run on the images of {old}, and {spelt('data.root', root)} has no "
                f"{name}; {another_folder()}"
            )
        found[there] = row
        # A table may name a file by its whole path, which is then where it was.
        moved |= {place / name: there for place in (_base(Path(old)), Path(old) / category)}
    digests = content_hashes(list(found))
    for file, told in found.items():
        # Without a digest the manifest is of an older version, or the image could not be read.
        if told.get("content") and digests.get(file) != told["content"]:
            raise InputError(
                f"{folder} holds a run on the images of {old}, and {file} is another image of the same "
                f"name; {another_folder()}"
            )
    return moved


def take_new_root(
    folder: Path, before: Mapping[str, Any], root: Path, moved: Mapping[Path, Path]
) -> None:
    """Write the new places of its images into the files of a finished run.

    Args:
        folder: The run folder.
        before: Its configuration, which names the old place.
        root: The new ``data.root``.
        moved: What :func:`check_moved` has found.
    """
    old = Path(str(before["data"]["root"]))
    files = RunFolder(folder)
    if (folder / CLEAN).is_file():
        rows = csv_rows(folder / CLEAN)
        places = {printable(one): printable(other) for one, other in moved.items()}
        told = [{**row, "image_path": places.get(row["image_path"], row["image_path"])} for row in rows]
        files.text(CLEAN, csv_text(list(rows[0]) if rows else [], told))
    if (folder / REPORT).is_file():
        page = (folder / REPORT).read_text(encoding="utf-8")
        one, other = (f"<dd>{html.escape(printable(place))}</dd>" for place in (old, root))
        files.text(REPORT, page.replace(one, other))
    write_config(files, {**before, "data": {**before["data"], "root": printable(root)}})


def _base(root: Path) -> Path:
    """What images are relative to: of a table, its folder."""
    return root.parent if root.suffix.lower() == ".csv" else root
