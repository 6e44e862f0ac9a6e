"""Changes of a folder since it was cleaned; a report of other photographs must name them."""

from collections.abc import Mapping
from pathlib import Path

from irp_lightning.data.audit.remarks import listed
from irp_lightning.data.config import DataConfig
from irp_lightning.data.files.content import content_hashes
from irp_lightning.data.readers.folder import read
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable
from irp_lightning.runs.folder import REVIEW
from irp_lightning.runs.manifest import read_manifest
from irp_lightning.runs.record import read_config

__all__ = ["changes_since"]


def changes_since(out: Path, data: DataConfig) -> list[str]:
    """List what has changed in the photographs since the results were written.

    The content of each file is compared with its digest in ``manifest.csv``, its label and its group
    with what stands there; clocks do not count.

    Args:
        out: The folder of a complete cleaning.
        data: What it cleaned.
    """
    try:
        now: Mapping[str, Sample] = {sample.name: sample for sample in read(data).samples}
    except InputError:  # there are none left
        now = {}
    before = {row["path"]: row for row in read_manifest(out)}
    digests = content_hashes([sample.path for sample in now.values()])
    found = {
        "new": [name for name in now if name not in before],
        "gone": sorted(before.keys() - now.keys()),
        "changed": [
            name
            for name, sample in now.items()
            if name in before and _has_changed(before[name], digests.get(sample.path), sample)
        ],
        "labelled otherwise": [
            name
            for name, sample in now.items()
            if name in before and _label(before[name]) not in (None, (sample.side, sample.defect))
        ],
        "grouped otherwise": _regrouped(before, now, digests, data),
    }
    saved, review = read_config(out) or {}, printable(out / REVIEW)
    remedy = "--force cleans again"
    if saved.get("review"):
        remedy = f"--force --review {review} cleans again and keeps the review"
    lines = [
        f"{len(names)} photographs are {what} since then ({listed(names)}); {remedy}"
        for what, names in found.items()
        if names
    ]
    if not saved.get("review") and (out / REVIEW).is_file():
        lines.append(f"{review} is not applied; give --review {review} to apply it")
    return lines


def _has_changed(row: Mapping[str, str], digest: str | None, sample: Sample) -> bool:
    if row.get("content"):
        return digest != row["content"]
    if row["role"] != "skipped":  # an older manifest has no digests
        return False
    from irp_lightning.data.files.images import examine  # with it comes torch

    return not isinstance(examine([sample.path], 1)[sample.path], str)


def _label(row: Mapping[str, str]) -> tuple[str, str] | None:
    """The side and the kind of an image; None where the manifest says neither."""
    return None if row["split"] == "unused" else (row["split"], row["defect"])


def _regrouped(
    before: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Sample],
    digests: Mapping[Path, str],
    data: DataConfig,
) -> list[str]:
    """Images that the groups' file puts into another group than it did."""
    if data.groups in ("none", "auto") or before.keys() != now.keys():
        return []
    from irp_lightning.data.groups import join_identical, read_groups  # with it comes torch

    samples = [sample for name, sample in now.items() if before[name]["role"] != "skipped"]
    try:
        groups = read_groups(samples, Path(data.groups))
    except InputError:
        return [sample.name for sample in samples]
    joined = join_identical(groups, [digests.get(sample.path, sample.name) for sample in samples])
    return [s.name for s, g in zip(samples, joined, strict=True) if g != before[s.name]["group"]]
