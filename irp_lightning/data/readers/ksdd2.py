"""Reader for Kolektor Surface-Defect Dataset 2 (KSDD2).

Božič, Tabernik, Skočaj: *Mixed supervision for surface-defect detection*, Computers in Industry 2021.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from irp_lightning.data.audit.remarks import remarked
from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.default_root import check_place, root_folder
from irp_lightning.data.files.content import content_hashes
from irp_lightning.data.files.headers import bounded_header
from irp_lightning.data.files.listing import Listing, sub_folders
from irp_lightning.data.files.mask_files import masks_of_images
from irp_lightning.data.files.masks import read_mask
from irp_lightning.data.readers.mvtec import about_masks
from irp_lightning.data.samples import GOOD, Reading, Sample
from irp_lightning.foundation.errors import InputError

__all__ = ["read"]

LAYOUT = "ROOT/train/ID.png with ID_GT.png, ROOT/test/ID.png with ID_GT.png"
SOURCE = "Download 'KolektorSDD2' from the page www.vicos.si/resources/kolektorsdd2 and unpack it"
DEFECT = "defect"

MOST = 0.5
"""Share of a picture; where every mask of a side marks more, masks are not what they should be."""

SIDES = ("train", "test")

COPY = re.compile(r"(?P<original>.*) (copy|\(copy\)|\(\d+\))", re.IGNORECASE)
"""The stem of a stray copy: the published archive holds ``10301 (copy).png`` and its mask."""


def read(data: DataConfig) -> Reading:
    """List the images of KSDD2 in ``data.root``; it has no categories.

    An image is defective iff its mask has a defective pixel.

    Raises:
        InputError: The root, a side, its images or one of their masks is missing, two images have one
            mask, or no mask has a pixel that is not defective.
    """
    root = root_folder(data.root, LAYOUT, SOURCE)
    check_place(root, "train")
    listing = Listing(root, recursive=data.recursive)
    listing.loose(root)
    for folder in sub_folders(root):
        if folder.name not in SIDES:
            listing.elsewhere(folder)
    samples: list[Sample] = []
    copies: list[Path] = []
    unused: list[Path] = []
    for side in SIDES:
        files = listing.images(root / side)
        stray = _copies(files)
        copies += stray
        images = [p for p in files if not p.stem.endswith("_GT") and p not in stray]
        if not images:
            raise InputError(f"{root / side} holds no images; expected {LAYOUT}")
        masks = masks_of_images([{p: [p.with_name(f"{p.stem}_GT.png")] for p in images}])
        unused += sorted({*files} - {*stray, *images, *masks.values()})
        shares = []
        for path, mask in masks.items():
            pixels = _mask_pixels(mask, data.max_pixels)
            shares.append(float(pixels.mean()))
            defect = DEFECT if pixels.any() else GOOD
            name = listing.name(path)
            samples.append(Sample(path, name, side, defect, mask if defect != GOOD else None))
        if min(shares) > MOST:
            raise InputError(_all_defective(root / side, min(shares)))
    names = [listing.name(copy) for copy in copies]
    remarks = [
        *listing.remarks(),
        *remarked("copies", names, "{count} stray copies are not read ({names})"),
        *about_masks(samples, unused, listing, "beside each image: ID_GT.png"),
    ]
    return Reading(samples, remarks)


def _copies(files: Sequence[Path]) -> list[Path]:
    """Those that are called as copies are, and lie beside their original or hold what another does."""
    called = {path: found for path in files if (found := COPY.fullmatch(path.stem))}
    originals = {(path.parent, path.stem) for path in files}
    copies = {p for p, found in called.items() if (p.parent, found["original"]) in originals}
    if len(copies) < len(called):
        digests = content_hashes(files)
        first: dict[str, Path] = {}
        for path in sorted(digests, key=lambda path: path in called):
            if first.setdefault(digests[path], path) != path and path in called:
                copies.add(path)
    return [path for path in files if path in copies]


def _all_defective(side: Path, least: float) -> str:
    if least == 1:
        return f"{side}: no mask has a zero: they may be class numbers, 1 the background; make it 0"
    return (
        f"{side}: every mask marks more than {MOST:.0%} of its picture: they may be inverted, black on "
        "white; make the background 0"
    )


def _mask_pixels(mask: Path, max_pixels: int) -> np.ndarray:
    try:
        bounded_header(mask, max_pixels, "data.max_pixels=")
        return read_mask(mask)
    except InputError as error:
        raise InputError(f"{error}; every KSDD2 image needs its mask ({LAYOUT})") from error
