"""What has happened to a folder since it was cleaned: a report of other photographs must say so."""

from collections.abc import Mapping
from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.content import content_hashes
from irp_lightning.data.readers.folder import read
from irp_lightning.data.remarks import listed
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable
from irp_lightning.runs.folder import REVIEW
from irp_lightning.runs.manifest import read_manifest

__all__ = ["changes_since"]


def changes_since(out: Path, data: DataConfig) -> list[str]:
    """Lines that say which photographs are new, gone, or changed since the results were written.

    The content of each file is compared with its digest in ``manifest.csv``; clocks do not count.

    Args:
        out: The folder of a complete cleaning.
        data: What it cleaned.
    """
    try:
        now: Mapping[str, Path] = {sample.name: sample.path for sample in read(data).samples}
    except InputError:  # there are none left
        now = {}
    before = {row["path"]: row.get("content") for row in read_manifest(out)}
    compared = {name: path for name, path in now.items() if before.get(name)}
    digests = content_hashes(list(compared.values()))
    found = {
        "new": [name for name in now if name not in before],
        "gone": sorted(before.keys() - now.keys()),
        "changed": [name for name, path in compared.items() if digests.get(path) != before[name]],
    }
    remedy = "--force cleans them anew"
    if (out / REVIEW).is_file():
        remedy = f"--force --review {printable(out / REVIEW)} cleans them anew and keeps the review"
    return [
        f"{len(names)} photographs are {what} since then ({listed(names)}); {remedy}"
        for what, names in found.items()
        if names
    ]
