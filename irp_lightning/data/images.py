"""One image file → an RGB picture of the size the backbone sees."""

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor, from_numpy

from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["DECODE_ERRORS", "find_unreadable", "fit_square", "load_rgb", "load_square"]

# What Pillow was seen to raise on damaged files, besides its own UnidentifiedImageError (an OSError).
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def load_rgb(path: Path) -> Image.Image:
    """Decode an image of any common kind as 8-bit RGB.

    Sixteen-bit files keep their upper eight bits (no stretching: brightness can be the defect),
    floating-point ones are taken to lie in [0, 1]; transparency is dropped, a camera's orientation
    tag is applied.

    Raises:
        InputError: The file cannot be read or decoded to its end.
    """
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            image.load()
        if image.mode.startswith("I"):
            pixels = np.asarray(image).astype(np.int64)
            image = Image.fromarray((pixels >> 8).clip(0, 255).astype(np.uint8))
        elif image.mode == "F":
            pixels = np.nan_to_num(np.asarray(image)) * 255
            image = Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))
        elif image.mode in ("P", "PA"):
            # By way of RGBA: a palette with transparency would warn, and lose colours, otherwise.
            image = image.convert("RGBA")
        return image.convert("RGB")
    except DECODE_ERRORS as error:
        raise InputError(f"{path} is not a readable image ({one_line(error)})") from error


def fit_square(image: Image.Image, size: int, crop: str, resample: Image.Resampling) -> Image.Image:
    """Bring a picture or a mask to ``size`` × ``size`` pixels.

    Args:
        image: Any size and aspect ratio.
        size: Side of the result, in pixels.
        crop: ``"none"`` squashes the whole picture into the square, as DifferNet does; ``"center"``
            first cuts out the central square (paper, section 4.1, for KSDD2).
        resample: Pillow's filter; bilinear ones average over the source's pixels (antialiasing).
    """
    if crop == "center":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    return image.resize((size, size), resample)


def load_square(path: Path, size: int, crop: str) -> Tensor:
    """The image as the backbone's views are made from: (3, size, size), uint8."""
    image = fit_square(load_rgb(path), size, crop, Image.Resampling.BILINEAR)
    return from_numpy(np.array(image)).permute(2, 0, 1)


def find_unreadable(paths: list[Path], threads: int) -> dict[Path, str]:
    """Decode every file once and name those that fail, with the reason.

    Pillow releases the interpreter lock while it decodes, so threads are enough.
    """

    def problem(path: Path) -> str | None:
        try:
            load_rgb(path)
        except InputError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = zip(paths, pool.map(problem, paths), strict=True)
        return {path: reason for path, reason in found if reason is not None}
