"""A small picture of an image file."""

from pathlib import Path

from PIL import Image

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.files.images import load_rgb

__all__ = ["thumbnail"]


def thumbnail(path: Path, side: int = 160, bit_depth: BitDepth | None = None) -> Image.Image:
    """The image, made small in its own proportions.

    Args:
        path: Its file.
        side: Pixels that the longer side has at most.
        bit_depth: What the numbers of a deep image mean.

    Raises:
        InputError: It cannot be decoded.
    """
    image = load_rgb(path, bit_depth)
    image.thumbnail((side, side))
    return image
