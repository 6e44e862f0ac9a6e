"""Reader for Kolektor Surface-Defect Dataset 2 (KSDD2).

Božič, Tabernik, Skočaj: *Mixed supervision for surface-defect detection*, Computers in Industry 2021.
"""

from pathlib import Path

import numpy as np

from irp_lightning.data.masks import fit_mask, read_mask
from irp_lightning.data.samples import GOOD, Sample, image_files
from irp_lightning.foundation.errors import InputError

__all__ = ["defects_cropped_away", "read_ksdd2"]

LAYOUT = "ROOT/train/ID.png with ID_GT.png, ROOT/test/ID.png with ID_GT.png"
DEFECT = "defect"


def read_ksdd2(root: Path) -> list[Sample]:
    """List the images of KSDD2; an image is defective iff its mask has a pixel that is not zero.

    Raises:
        InputError: The root, a side, its images or one of their masks is missing.
    """
    if not root.is_dir():
        raise InputError(
            f"data.root={root} is not a folder; looked for {LAYOUT}. Download 'KolektorSDD2' from the "
            "page www.vicos.si/resources/kolektorsdd2, unpack it and point data.root at it"
        )
    samples = []
    for side in ("train", "test"):
        images = [p for p in image_files(root / side) if not p.stem.endswith("_GT")]
        if not images:
            raise InputError(f"{root / side} holds no images; expected {LAYOUT}")
        for path in images:
            mask = path.with_name(f"{path.stem}_GT.png")
            defect = DEFECT if _mask_pixels(mask).any() else GOOD
            name = path.relative_to(root).as_posix()
            samples.append(Sample(path, name, side, defect, mask if defect != GOOD else None))
    return samples


def defects_cropped_away(samples: list[Sample], crop: str) -> int:
    """How many defective images show nothing of their defect after the crop."""
    if crop == "none":
        return 0
    masks = [sample.mask for sample in samples if sample.label and sample.mask is not None]
    return sum(not _survives(mask, crop) for mask in masks)


def _survives(mask: Path, crop: str) -> bool:
    pixels = read_mask(mask)
    # At its own resolution: a resize could lose a thin defect that the crop has kept.
    return bool(fit_mask(pixels, min(pixels.shape), crop).any())


def _mask_pixels(mask: Path) -> np.ndarray:
    try:
        return read_mask(mask)
    except InputError as error:
        raise InputError(f"{error}; every KSDD2 image needs its mask ({LAYOUT})") from error
