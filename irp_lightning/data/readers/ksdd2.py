"""Reader for Kolektor Surface-Defect Dataset 2 (KSDD2).

Božič, Tabernik, Skočaj: *Mixed supervision for surface-defect detection*, Computers in Industry 2021.
"""

from pathlib import Path

import numpy as np

from irp_lightning.data.config import DataConfig
from irp_lightning.data.masks import read_mask
from irp_lightning.data.samples import GOOD, Sample, image_files
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["read"]

LAYOUT = "ROOT/train/ID.png with ID_GT.png, ROOT/test/ID.png with ID_GT.png"
DEFECT = "defect"


def read(data: DataConfig) -> list[Sample]:
    """List the images of KSDD2 in ``data.root``; it has no categories.

    An image is defective iff its mask has a pixel that is not zero.

    Raises:
        InputError: The root, a side, its images or one of their masks is missing.
    """
    root = Path(data.root)
    if not root.is_dir():
        raise WrongValue(
            "root",
            root,
            f"is not a folder; looked for {LAYOUT}. Download 'KolektorSDD2' from the page "
            "www.vicos.si/resources/kolektorsdd2, unpack it and give its folder",
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


def _mask_pixels(mask: Path) -> np.ndarray:
    try:
        return read_mask(mask)
    except InputError as error:
        raise InputError(f"{error}; every KSDD2 image needs its mask ({LAYOUT})") from error
