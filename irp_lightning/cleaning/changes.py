"""What has happened to a folder since it was cleaned: a report of other photographs must say so."""

from collections.abc import Mapping
from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.readers.folder import read
from irp_lightning.data.remarks import listed
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.folder import METRICS
from irp_lightning.runs.manifest import read_manifest

__all__ = ["changes_since"]


def changes_since(out: Path, data: DataConfig) -> list[str]:
    """Lines that say which photographs are new, gone, or written again since the results were.

    No file is opened: what was replaced by something older is not noticed.

    Args:
        out: The folder of a complete cleaning.
        data: What it cleaned.
    """
    try:
        now: Mapping[str, Path] = {sample.name: sample.path for sample in read(data).samples}
    except InputError:  # there are none left
        now = {}
    before = {row["path"] for row in read_manifest(out)}
    told = (out / METRICS).stat().st_mtime
    newer = [name for name, path in now.items() if name in before and _written(path) > told]
    found = {
        "new": [name for name in now if name not in before],
        "gone": sorted(before - now.keys()),
        "written again": newer,
    }
    return [
        f"{len(names)} photographs are {what} since then ({listed(names)}); --force cleans them anew"
        for what, names in found.items()
        if names
    ]


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
