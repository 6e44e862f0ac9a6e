"""Reader for Kolektor Surface-Defect Dataset 2 (KSDD2).

Božič, Tabernik, Skočaj: *Mixed supervision for surface-defect detection*, Computers in Industry 2021.
"""

import re
from pathlib import Path

import numpy as np

from irp_lightning.data.config import DataConfig
from irp_lightning.data.default_root import check_place, root_folder
from irp_lightning.data.headers import bounded_header
from irp_lightning.data.listing import Listing
from irp_lightning.data.masks import read_mask
from irp_lightning.data.remarks import Remark, listed
from irp_lightning.data.samples import GOOD, Reading, Sample
from irp_lightning.foundation.errors import InputError

__all__ = ["read"]

LAYOUT = "ROOT/train/ID.png with ID_GT.png, ROOT/test/ID.png with ID_GT.png"
SOURCE = "Download 'KolektorSDD2' from the page www.vicos.si/resources/kolektorsdd2 and unpack it"
DEFECT = "defect"

MOST = 0.5
"""Share of a picture; where every mask of a side marks more, masks are not what they should be."""

COPY = re.compile(r".* (copy|\(copy\)|\(\d+\))", re.IGNORECASE)
"""The stem of a stray copy: the published archive holds ``10301 (copy).png`` and its mask."""


def read(data: DataConfig) -> Reading:
    """List the images of KSDD2 in ``data.root``; it has no categories.

    An image is defective iff its mask has a defective pixel.

    Raises:
        InputError: The root, a side, its images or one of their masks is missing, or no mask has a
            pixel that is not defective.
    """
    root = root_folder(data.root, LAYOUT, SOURCE)
    check_place(root, "train")
    listing = Listing(root, recursive=data.recursive)
    samples, copies = [], []
    for side in ("train", "test"):
        files = listing.images(root / side)
        copies += [path for path in files if COPY.fullmatch(path.stem)]
        images = [p for p in files if not p.stem.endswith("_GT") and p not in copies]
        if not images:
            raise InputError(f"{root / side} holds no images; expected {LAYOUT}")
        shares = []
        for path in images:
            mask = path.with_name(f"{path.stem}_GT.png")
            pixels = _mask_pixels(mask, data.max_pixels)
            shares.append(float(pixels.mean()))
            defect = DEFECT if pixels.any() else GOOD
            name = listing.name(path)
            samples.append(Sample(path, name, side, defect, mask if defect != GOOD else None))
        if min(shares) > MOST:
            raise InputError(_all_defective(root / side, min(shares)))
    remarks = listing.remarks()
    if copies:
        text = f"{len(copies)} stray copies are not read ({listed([listing.name(c) for c in copies])})"
        remarks.append(Remark("copies", len(copies), text))
    return Reading(samples, remarks)


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
