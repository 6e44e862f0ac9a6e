"""Checks of a dataset's masks before use."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from irp_lightning.data.audit.remarks import Remark, listed, remarked
from irp_lightning.data.files.headers import bounded_header, read_header
from irp_lightning.data.files.listing import image_files
from irp_lightning.data.files.masks import fit_mask, is_grey, upright_mask
from irp_lightning.data.samples import Sample

__all__ = ["CheckedMasks", "check_masks"]

MOST = 0.5
"""Kinds of defects whose masks mark more than this (median) are likely to be black on white."""


EMPTY = (
    "{count} defective images have a mask without a defective pixel ({names}); they count in no pixel "
    "metric"
)
GREY = (
    "{count} masks hold shades of grey, as JPEG leaves them ({names}); pixels from the middle of the "
    "scale on count as defective"
)
SCALED = "{count} masks are of another size than their images and are scaled ({names})"


@dataclass(frozen=True)
class CheckedMasks:
    """Samples whose masks can be measured by.

    Attributes:
        samples: As given; of a defective image whose mask is empty, without it.
        cropped_away: Names of the defective images of whose defect the crop leaves nothing.
        remarks: What was found.
    """

    samples: list[Sample]
    cropped_away: list[str]
    remarks: list[Remark]


def check_masks(samples: Sequence[Sample], crop: str, max_pixels: int) -> CheckedMasks:
    """Read the mask of every defective image that has one.

    Args:
        samples: The images.
        crop: ``none`` or ``center``, what is done to them.
        max_pixels: Larger masks are refused.

    Raises:
        InputError: A mask cannot be read, is too large or has another aspect ratio than its image.
    """
    checked, empty, grey, smaller, cropped_away = [], [], [], [], []
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for sample in samples:
        if sample.mask is None or not sample.label:
            checked.append(sample)
            continue
        for file in image_files(sample.mask) if sample.mask.is_dir() else [sample.mask]:
            bounded_header(file, max_pixels, "data.max_pixels=")
        pixels = upright_mask(sample.path, sample.mask)
        if not pixels.any():
            empty.append(sample.name)
            checked.append(replace(sample, mask=None))
            continue
        checked.append(sample)
        shares[sample.defect].append(float(pixels.mean()))
        if is_grey(sample.mask):
            grey.append(sample.name)
        if pixels.shape[::-1] != read_header(sample.path).upright:
            smaller.append(sample.name)
        # At a mask's own resolution.
        if crop != "none" and not fit_mask(pixels, min(pixels.shape), crop).any():
            cropped_away.append(sample.name)
    remarks = [
        *remarked("empty_masks", empty, EMPTY),
        *remarked("grey_masks", grey, GREY),
        *remarked("scaled_masks", smaller, SCALED),
        *_inverted(shares),
    ]
    return CheckedMasks(checked, cropped_away, remarks)


def _inverted(shares: Mapping[str, Sequence[float]]) -> list[Remark]:
    """Kinds of defects whose masks are likely to be black on white."""
    if inverted := {kind: found for kind, found in shares.items() if median(found) > MOST}:
        least = min(median(found) for found in inverted.values())
        more = " or more" if len(inverted) > 1 else ""
        text = (
            f"masks of {listed(list(inverted))} mark {least:.0%} of their pictures{more} (median): "
            "they may be black on white; pixels that are not black count as defects"
        )
        count = sum(map(len, inverted.values()))
        return [Remark("inverted_masks", count, text, falsifies=True)]
    return []
