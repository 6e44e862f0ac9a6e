"""One image file → an RGB picture of the size the backbone sees."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, from_numpy

from irp_lightning.data.files.bit_depth import UNIT, BitDepth, Extent, check_values
from irp_lightning.data.files.headers import DECODE_ERRORS, header_of
from irp_lightning.data.files.orientation import upright_array, upright_picture
from irp_lightning.data.files.pixel_limit import without_pixel_limit
from irp_lightning.foundation.errors import InputError, one_line

__all__ = [
    *("cropped", "examine", "fit_square", "load_rgb", "load_square", "load_with_extent", "square_of"),
]

OPAQUE, OPAQUE_DEEP = 255, 65535
"""What alpha is of what is shown whole, in 8 and in 16 bits."""

UNSIGNED = "I;32N"
"""What Pillow hands its decoder of TIFFs with 32 bits without a sign, to which it then gives one."""


def load_rgb(path: Path, bit_depth: BitDepth | None = None) -> Image.Image:
    """Decode an image of any common kind as 8-bit RGB.

    The first page of several is read, transparency is dropped, a camera's orientation tag is applied.

    Args:
        path: The file.
        bit_depth: What the numbers of files deeper than 8 bits mean; by default the upper eight of 16
            bits, and floating-point numbers in [0, 1].

    Raises:
        InputError: The file cannot be read or decoded to its end.
    """
    try:
        return _rgb(*_decode(path), bit_depth or BitDepth())
    except DECODE_ERRORS as error:
        raise InputError(f"{path} is not a readable image ({one_line(error)})") from error


def load_with_extent(path: Path, bit_depth: BitDepth) -> tuple[Image.Image, Extent]:
    """Decode an image as 8-bit RGB, and measure the extent of its values.

    Raises:
        InputError: The file cannot be read or decoded to its end, or its values do not fit the bit
            depth.
    """
    try:
        image, numbers = _decode(path)
        extent = _extent(image, numbers)
        check_values(str(path), extent, bit_depth)
        return _rgb(image, numbers, bit_depth), extent
    except InputError:
        raise
    except DECODE_ERRORS as error:
        raise InputError(f"{path} is not a readable image ({one_line(error)})") from error


def _rgb(image: Image.Image, numbers: NDArray[Any] | None, bit_depth: BitDepth) -> Image.Image:
    if numbers is not None:
        return Image.fromarray(_eight_bits(_shown(numbers), bit_depth)).convert("RGB")
    if image.mode in ("P", "PA"):
        # By way of RGBA: a palette with transparency would warn, and lose colours, otherwise.
        image = image.convert("RGBA")
    return image.convert("RGB")


def _decode(path: Path) -> tuple[Image.Image, NDArray[Any] | None]:
    """The upright picture, and its numbers where they are deeper than 8 bits."""
    with without_pixel_limit(), path.open("rb") as stream, Image.open(stream) as file:
        header = header_of(file)
        if header.numbers == "integers" and header.colour:
            numbers = _deep_colour(path, header.format)
            return file.copy(), upright_array(numbers, header.orientation)
        unsigned = any(UNSIGNED in str(tile[3]) for tile in getattr(file, "tile", ()))
        image = upright_picture(file, header.orientation)
    if header.numbers == "8-bit":
        return image, None
    numbers = np.asarray(image)
    return image, numbers.view(np.uint32) if unsigned else numbers


def _deep_colour(path: Path, file_format: str) -> NDArray[np.generic]:
    """(H, W, 3), or 4 with transparency: integers of 16 bits, which Pillow cuts down to 8."""
    if file_format != "PNG":
        raise ValueError(
            f"16 bits a channel, in colour, are read only from PNG, not from {file_format}; convert it"
        )
    import imagecodecs

    # It warns of interlaced files, and reads them right.
    logging.getLogger("imagecodecs").setLevel(logging.ERROR)
    try:
        pixels = imagecodecs.png_decode(path.read_bytes())
    except imagecodecs.PngError as error:  # no ValueError, as Pillow's are
        raise ValueError(one_line(error)) from error
    grey = pixels.shape[2] < 3  # and its transparency
    return pixels[..., [0, 0, 0, 1]] if grey else pixels


def _shown(numbers: NDArray[Any]) -> NDArray[Any]:
    """Without transparency: (H, W) or (H, W, 3)."""
    return numbers[..., :3] if numbers.ndim == 3 else numbers


def _eight_bits(numbers: NDArray[np.generic], bit_depth: BitDepth) -> NDArray[np.uint8]:
    if np.issubdtype(numbers.dtype, np.floating):
        full = 255 if bit_depth.floats == UNIT else 255 / (2**bit_depth.floats - 1)
        return (np.nan_to_num(numbers) * full).round().clip(0, 255).astype(np.uint8)
    return (numbers.astype(np.int64) >> (bit_depth.integers - 8)).clip(0, 255).astype(np.uint8)


def fit_square(image: Image.Image, size: int, crop: str, resample: Image.Resampling) -> Image.Image:
    """Bring a picture or a mask to ``size`` × ``size`` pixels.

    Args:
        image: Any size and aspect ratio.
        size: Side of the result, in pixels.
        crop: ``"none"`` squashes the whole picture into the square, as DifferNet does; ``"center"``
            first cuts out the central square (paper, section 4.1, for KSDD2).
        resample: Pillow's filter; bilinear ones average over the source's pixels (antialiasing).
    """
    return cropped(image, crop).resize((size, size), resample)


def load_square(path: Path, size: int, crop: str, bit_depth: BitDepth | None = None) -> Tensor:
    """An image file squashed into a square: (3, size, size), uint8."""
    return square_of(load_rgb(path, bit_depth), size, crop)


def square_of(image: Image.Image, size: int, crop: str) -> Tensor:
    """A picture squashed into a square: (3, size, size), uint8."""
    square = fit_square(image, size, crop, Image.Resampling.BILINEAR)
    return from_numpy(np.array(square)).permute(2, 0, 1)


def cropped(image: Image.Image, crop: str) -> Image.Image:
    """The whole picture (``"none"``), or its central square (``"center"``)."""
    if crop == "none":
        return image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    with without_pixel_limit():
        return image.crop((left, top, left + side, top + side))


def examine(paths: Sequence[Path], threads: int) -> dict[Path, Extent | str]:
    """Decode every file once: the extent of its values or, where it cannot be decoded, the reason.

    Pillow releases the interpreter lock while it decodes, so threads are enough.
    """

    def look(path: Path) -> Extent | str:
        try:
            image, numbers = _decode(path)
            return _extent(image, numbers)
        except DECODE_ERRORS as error:
            return f"{path} is not a readable image ({one_line(error)})"

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return dict(zip(paths, pool.map(look, paths), strict=True))


def _extent(image: Image.Image, numbers: NDArray[Any] | None) -> Extent:
    if numbers is None:
        ends = image.getextrema()
        bands = list(ends) if isinstance(ends[0], tuple) else [ends]
        transparent = "transparency" in image.info
        if image.mode in ("RGBA", "LA", "PA"):
            transparent = bands.pop()[0] < OPAQUE
        lows, highs = zip(*bands, strict=True)
        return Extent("8-bit", min(lows), max(highs), lows == highs, transparent)
    shown = _shown(numbers)
    transparent = shown.shape != numbers.shape and bool(numbers[..., 3].min() < OPAQUE_DEEP)
    numbers = shown
    kind = "floats" if np.issubdtype(numbers.dtype, np.floating) else "integers"
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        raise ValueError("none of its numbers is finite")
    low, high = float(finite.min()), float(finite.max())
    channels = numbers.reshape(-1, numbers.shape[-1] if numbers.ndim == 3 else 1)
    constant = bool(np.all(channels == channels[:1]))
    return Extent(kind, low, high, constant, transparent, finite.size == numbers.size)
