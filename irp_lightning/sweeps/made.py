"""Folders that Hydra makes before anything is checked: taken back if nothing came into them."""

import os
from pathlib import Path

__all__ = ["remember", "remove_if_made"]

_there: list[Path] = []


def remember(folder: Path) -> None:
    """Note which of a folder and its parents are there already: the user's own.

    Args:
        folder: The run's or the sweep's, before Hydra makes it.
    """
    places = (folder.absolute(), *folder.absolute().parents)
    _there[:] = [next(place for place in places if os.path.lexists(place))]


def remove_if_made(folder: Path) -> None:
    """Remove an empty folder, and its parents as far as they were not there before the command."""
    # In a launcher's process nothing was noted: the sweep's folder is the command's.
    kept = _there[0] if _there else folder.parent
    for path in (folder, *folder.parents):
        if path == kept or path in kept.parents:
            return
        try:
            path.rmdir()
        except OSError:
            return
