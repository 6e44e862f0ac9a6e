"""A dataset as a run sees it: its readable images, their content and their groups."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from irp_lightning.data.config import DataConfig
from irp_lightning.data.content import content_hash, content_hashes
from irp_lightning.data.groups import find_groups
from irp_lightning.data.images import find_unreadable
from irp_lightning.data.masks import defects_cropped_away
from irp_lightning.data.samples import Sample, checked_samples
from irp_lightning.foundation.errors import InputError, WrongValue
from irp_lightning.foundation.plugins import named_object

__all__ = ["Dataset", "read_images"]


@dataclass(frozen=True)
class Dataset:
    """What was read.

    Attributes:
        samples: The readable images.
        groups: The group of each.
        hashes: The digest of each one's file.
        skipped: Images that could not be decoded, with the reason.
        cropped_away: Defective images whose defect the crop cuts away.
    """

    samples: list[Sample]
    groups: list[str]
    hashes: list[str]
    skipped: dict[str, str]
    cropped_away: int

    def facts(self) -> dict[str, int]:
        """Counts for the metrics: images, groups, the largest group, skipped, cropped away."""
        return {
            "images": len(self.samples),
            "groups": len(set(self.groups)),
            "largest_group": max(Counter(self.groups).values()),
            "skipped": len(self.skipped),
            "defects_cropped_away": self.cropped_away,
        }

    def remarks(self) -> list[str]:
        """What the user should know, a line each."""
        facts, lines = self.facts(), []
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)} images that cannot be decoded (see manifest.csv)")
        if self.cropped_away:
            lines.append(
                f"crop=center cuts the whole defect away in {self.cropped_away} defective images; "
                "crop=none keeps them"
            )
        if facts["groups"] < facts["images"]:
            lines.append(
                f"{facts['images']} images in {facts['groups']} groups, "
                f"the largest of {facts['largest_group']}"
            )
        return lines


def read_images(data: DataConfig, *, decoded: Callable[[str], bool] = lambda image: False) -> Dataset:
    """List the images, leave out what cannot be decoded, and find the groups of the rest.

    Args:
        data: Which images there are.
        decoded: Whether an image, given by its digest, is known to be readable (its features are in
            the bank): it is not decoded again.

    Raises:
        WrongValue: Something the reader needs is not there, no image is, or the groups' file is wrong.
        InputError: An image cannot be decoded and ``on_bad_image`` is ``error``.
    """
    samples = checked_samples(_reader(data.reader)(data), data.reader, data.split)
    if not samples:
        raise WrongValue("reader", data.reader, f"finds no images in {data.root}")
    hashes = content_hashes([sample.path for sample in samples])
    # A file without a digest could not be read: decoding it tells why.
    new = [s.path for s in samples if s.path not in hashes or not decoded(hashes[s.path])]
    bad = find_unreadable(new, os.cpu_count() or 1)
    if bad and data.on_bad_image == "error":
        others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise InputError(
            f"{next(iter(bad.values()))}{others}; mend or remove it, or set on_bad_image=skip"
        )
    skipped = {sample.name: bad[sample.path] for sample in samples if sample.path in bad}
    samples = [sample for sample in samples if sample.path not in bad]
    if not samples:
        raise WrongValue("root", data.root, f"has {len(bad)} images, and none of them can be decoded")
    return Dataset(
        samples,
        find_groups(samples, data.groups, os.cpu_count() or 1),
        [hashes.get(sample.path) or content_hash(sample.path) for sample in samples],
        skipped,
        defects_cropped_away(samples, data.crop),
    )


def _reader(name: str) -> Callable[[DataConfig], list[Sample]]:
    """One of ``readers/``, or the user's."""
    if "." not in name:
        found = import_module(f"irp_lightning.data.readers.{name}").read
    elif not callable(found := named_object("reader", name)):
        raise WrongValue("reader", name, "is no function; name one that takes data and lists samples")
    reader: Callable[[DataConfig], list[Sample]] = found
    return reader
