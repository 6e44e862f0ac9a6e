"""Every image of a run and its part in it: ``manifest.csv``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from irp_lightning.foundation.names import printable
from irp_lightning.runs.folder import MANIFEST, csv_rows, csv_text

if TYPE_CHECKING:  # with them comes torch, half a gigabyte that reading has no use for
    from irp_lightning.data.contamination import TrainingPool
    from irp_lightning.data.dataset import Dataset

__all__ = ["as_written_today", "manifest_text", "read_manifest"]

MANIFEST_COLUMNS = ("path", "split", "role", "defect", "label", "group", "file", "mask", "content")


def manifest_text(dataset: "Dataset", pool: "TrainingPool", root: Path) -> str:
    """``manifest.csv``: every image and its part in the run.

    With ``overlap`` an injected defect has two rows. An unlabelled image has the role ``unlabelled`` and
    no label. ``file`` and ``mask`` are paths relative to the
    root, empty where there is none below it; ``content`` is the file's digest, by which a run that goes
    on knows its images.

    Args:
        dataset: What was read.
        pool: What is trained and tested on.
        root: ``data.root``.
    """

    def row(i: int, split: str, role: str) -> dict[str, Any]:
        sample = dataset.samples[i]
        known = (sample.name, split, role, sample.defect, sample.known_label, dataset.groups[i])
        files = (_below(root, sample.path), _below(root, sample.mask))
        return dict(zip(MANIFEST_COLUMNS, (*known, *files, dataset.hashes[i]), strict=True))

    def trained_as(i: int) -> str:
        if dataset.samples[i].known_label is None:
            return "unlabelled"
        return "injected" if i in pool.injected else "normal"

    rows = [
        *(row(i, "train", trained_as(i)) for i in sorted(pool.train)),
        *(row(i, "test", "held_out" if dataset.samples[i].label else "normal") for i in pool.test),
        *(row(i, "unused", "dropped") for i in pool.dropped),
        *({"path": name, "split": "unused", "role": "skipped"} for name in dataset.skipped),
    ]
    return csv_text(MANIFEST_COLUMNS, rows)


def as_written_today(manifest: str) -> str:
    """The text of a manifest, whose unlabelled images an older version called normal."""
    return manifest.replace(",train,normal,unlabelled,0,", ",train,unlabelled,unlabelled,,")


def read_manifest(folder: Path) -> list[dict[str, str]]:
    """The rows of ``manifest.csv``: every image of a run, as text by column.

    Raises:
        OSError, ValueError: It is not there, or is no table.
    """
    return csv_rows(folder / MANIFEST)


def _below(root: Path, path: Path | None) -> str:
    if path is None or not path.is_relative_to(root):
        return ""
    return printable(path.relative_to(root).as_posix())
