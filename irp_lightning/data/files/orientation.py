"""Pictures and arrays turned as a camera's tag says, for images and masks alike."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from irp_lightning.data.files.headers import TURNED

__all__ = ["upright_array", "upright_picture"]

T = TypeVar("T", bound=np.generic)


def upright_picture(file: Image.Image, orientation: int) -> Image.Image:
    """A picture, decoded and turned.

    Args:
        file: As Pillow has opened it.
        orientation: As its header says, 1 to 8. Pillow knows of more places for such a tag; image and
            mask are turned by this one alone.
    """
    return file.copy() if orientation == 1 else ImageOps.exif_transpose(file)


def upright_array(values: NDArray[T], orientation: int) -> NDArray[T]:
    """Turn an array, (H, W) or (H, W, C), upright."""
    if orientation in TURNED:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)
