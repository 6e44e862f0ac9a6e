"""A dataset as a run sees it: its readable images, their content and their groups."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from irp_lightning.data.audit.remarks import Remark, remark_rows, remarked
from irp_lightning.data.audit.survey import Survey, survey
from irp_lightning.data.config import DataConfig
from irp_lightning.data.files.bit_depth import BitDepth, Extent, bit_depth_remarks, find_bit_depth
from irp_lightning.data.files.content import content_hash
from irp_lightning.data.files.headers import Header
from irp_lightning.data.files.images import examine
from irp_lightning.data.files.known_images import KnownImages
from irp_lightning.data.groups import find_groups, join_identical, unnamed_rows
from irp_lightning.data.samples import Reading, Sample
from irp_lightning.foundation.amounts import counted
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["KNOWN_IMAGES", "Dataset", "extents_of", "read_images", "read_surveyed"]

KNOWN_IMAGES = "images.jsonl"
"""In the cache: what was seen of images, by their content."""


SKIPPED = "skipped {count} images that cannot be read ({names}; see manifest.csv)"
CONSTANT = "{count} images have only one colour ({names})"
TRANSPARENT = "{count} images have transparent parts ({names}); the colours below them are used"
NOT_FINITE = "{count} images hold numbers that are not finite ({names}); they are taken as 0"
STRADDLING = (
    "{count} training images show objects that are tested on ({names}); data.split=grouped draws the "
    "sides by group"
)


@dataclass(frozen=True)
class Dataset:
    """A dataset as read.

    Attributes:
        samples: The readable images.
        groups: The group of each.
        hashes: The digest of each one's file.
        skipped: Images that could not be decoded, with the reason.
        cropped_away: Defective images whose defect the crop cuts away.
        bit_depth: What the numbers of images deeper than 8 bits mean.
        remarks: What the user should know of the images.
        headers: The header of each one's file.
    """

    samples: list[Sample]
    groups: list[str]
    hashes: list[str]
    skipped: dict[str, str]
    cropped_away: int
    bit_depth: BitDepth = BitDepth()
    remarks: Sequence[Remark] = ()
    headers: Sequence[Header] = ()

    @property
    def depth(self) -> BitDepth:
        """Until the pipeline uses the name above."""
        return self.bit_depth

    def facts(self) -> dict[str, Any]:
        """For the metrics: counts, the bit depth, and the remarks."""
        return {
            "images": len(self.samples),
            "groups": len(set(self.groups)),
            "largest_group": max(Counter(self.groups).values()),
            "skipped": len(self.skipped),
            "defects_cropped_away": self.cropped_away,
            "identical": len(self.hashes) - len(set(self.hashes)),
            "bit_depth": asdict(self.bit_depth),
            "remarks": remark_rows(self.remarks),
        }


def read_images(
    data: DataConfig, known: KnownImages | None = None, reading: Reading | None = None
) -> Dataset:
    """List the images, leave out what cannot be decoded, and find the groups of the rest.

    Args:
        data: Which images there are.
        known: What was seen of images before; those are not decoded again. None: all are.
        reading: The images, listed before; None: those that ``data`` names.

    Raises:
        WrongValue: Something the reader needs is not there, no image is, values do not fit the
            bit depth, or the groups' file is wrong.
        InputError: An image cannot be decoded and ``on_bad_image`` is ``error``.
    """
    return read_surveyed(survey(data, reading), data, known or KnownImages(None))


def read_surveyed(
    found: Survey, data: DataConfig, known: KnownImages, *, deep_only: bool = False
) -> Dataset:
    """Read images that were listed before, see :func:`read_images`.

    Args:
        found: The images.
        data: How they are read.
        known: What was seen of them before.
        deep_only: Decode images deeper than 8 bits alone; of the others that they can be is not known.
    """
    extents, bad = extents_of(found, known, deep_only=deep_only)
    if bad and data.on_bad_image == "error":
        others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise InputError(
            f"{next(iter(bad.values()))}{others}; repair or remove it, or set on_bad_image=skip"
        )
    kept = [i for i, sample in enumerate(found.samples) if sample.name not in bad]
    if not kept:
        reason = f"has {len(bad)} images, and none can be read: {next(iter(bad.values()))}"
        raise WrongValue("root", data.root, reason)
    samples = [found.samples[i] for i in kept]
    hashes = [found.hashes[i] or content_hash(found.samples[i].path) for i in kept]
    deep = {name: extent for name, extent in extents.items() if extent.numbers != "8-bit"}
    bit_depth = find_bit_depth(data.bit_depth, deep)
    groups = join_identical(find_groups(samples, data.groups, os.cpu_count() or 1, bit_depth), hashes)
    remarks = [
        *remarked("skipped", list(bad), SKIPPED),
        *found.remarks,
        *unnamed_rows(samples, data.groups),
        *bit_depth_remarks(samples, deep, bit_depth),
        *_seen(samples, extents),
        *_grouped(groups),
        *_straddling(samples, groups, hashes, data.split),
    ]
    # What cannot be opened is bad, and left out.
    headers = [header for i in kept if (header := found.headers[i]) is not None]
    return Dataset(samples, groups, hashes, bad, found.cropped_away, bit_depth, remarks, headers)


def extents_of(
    found: Survey, known: KnownImages, *, deep_only: bool = False
) -> tuple[dict[str, Extent], dict[str, str]]:
    """The extents of a survey's images, decoded where they are not known; and those that cannot be.

    Args:
        found: The images.
        known: What was seen before; it is added to.
        deep_only: Decode images deeper than 8 bits alone.

    Returns:
        Extents by name of the image, and problems by name of the image.
    """
    bad = dict(found.bad)
    extents: dict[str, Extent] = {}
    new: dict[Path, int] = {}
    for i, (sample, digest, header) in enumerate(
        zip(found.samples, found.hashes, found.headers, strict=True)
    ):
        if (extent := known.get(digest)) is not None:
            extents[sample.name] = extent
        elif header is not None and not (deep_only and header.numbers == "8-bit"):
            new[sample.path] = i
    seen = examine(list(new), os.cpu_count() or 1)
    for path, result in seen.items():
        if isinstance(result, str):
            bad[found.samples[new[path]].name] = result
        else:
            extents[found.samples[new[path]].name] = result
    known.add(
        {
            digest: result
            for path, result in seen.items()
            if not isinstance(result, str) and (digest := found.hashes[new[path]])
        }
    )
    # In the order of the images: the first one is named.
    order = [sample.name for sample in found.samples]
    return extents, {name: bad[name] for name in order if name in bad}


def _seen(samples: list[Sample], extents: dict[str, Extent]) -> list[Remark]:
    """What shows when images are decoded."""
    seen = [(s.name, extents[s.name]) for s in samples if s.name in extents]
    constant = [name for name, extent in seen if extent.constant]
    # A few images of one colour are a few defects of the camera; more are read wrongly.
    falsifies = 2 * len(constant) > len(samples)
    return [
        *remarked("constant", constant, CONSTANT, falsifies=falsifies),
        *remarked("transparent", [name for name, extent in seen if extent.transparent], TRANSPARENT),
        *remarked("not_finite", [name for name, extent in seen if not extent.finite], NOT_FINITE),
    ]


def _straddling(samples: list[Sample], groups: list[str], hashes: list[str], split: str) -> list[Remark]:
    """Groups of which a published split trains on some images and tests on others."""
    if split != "published":
        return []
    tested = [i for i, sample in enumerate(samples) if sample.side == "test"]
    on_test, same = {groups[i] for i in tested}, {hashes[i] for i in tested}
    names = [
        sample.name
        for sample, group, digest in zip(samples, groups, hashes, strict=True)
        # Those that are identical to a test image are left out, and said elsewhere.
        if sample.side == "train" and not sample.label and group in on_test and digest not in same
    ]
    return remarked("groups_on_both_sides", names, STRADDLING, falsifies=True)


def _grouped(groups: list[str]) -> list[Remark]:
    sizes = Counter(groups)
    if len(sizes) == len(groups):
        return []
    text = (
        f"{len(groups)} images in {counted(len(sizes), 'group')}, the largest of {max(sizes.values())}"
    )
    return [Remark("groups", len(sizes), text)]
