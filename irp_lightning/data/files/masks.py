"""The mask of a defect: which pixels of an image are defective."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, from_numpy, zeros
from torch import bool as torch_bool

from irp_lightning.data.files.headers import DECODE_ERRORS, header_of, read_header
from irp_lightning.data.files.listing import image_files
from irp_lightning.data.files.orientation import upright_array, upright_picture
from irp_lightning.data.files.pixel_limit import without_pixel_limit
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["fit_mask", "is_grey", "load_mask", "read_mask", "upright_mask"]

CLASSES = 32
"""Values below it are numbers of classes, each of them a defect; values from it on are shades."""

INKS = ("CMYK", "YCbCr", "LAB", "HSV")
"""Pillow's modes in which zero is not black."""

FEW = 16
"""So many shades may be those of classes; more come of a lossy file or of smoothed edges."""

WHITE = 7 / 8
"""Share of the scale that shades of a lossy file or of smoothed edges reach."""


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Decode a mask at its own resolution: (H, W), True where a pixel is defective.

    A pixel is defective where it is not zero (black). Where a mask holds many shades, or some between
    nearly black and white, which a JPEG and smoothed edges leave, it is from the middle of the scale on.
    Of a picture whose colours are all the same, the opaque pixels are.

    Args:
        path: A file, or a folder of files that each hold a part of the mask.

    Raises:
        InputError: The file is missing or cannot be decoded to its end, holds several pages or shades
            that mean nothing, or parts differ in size.
    """
    parts = [_values(file) for file in (image_files(path) if path.is_dir() else [path])]
    if len({part.shape for part in parts}) != 1:
        raise InputError(f"{path} holds no mask, or parts of several sizes; repair it")
    return np.any([part > _threshold(part, path) for part in parts], axis=0)


def is_grey(path: Path) -> bool:
    """Check whether a mask holds so many shades that the middle of the scale divides them."""
    files = image_files(path) if path.is_dir() else [path]
    return any(_threshold(_values(file), file) > 0 for file in files)


def _values(path: Path) -> NDArray[Any]:
    """(H, W): the highest of the channels."""
    try:
        with without_pixel_limit(), Image.open(path) as file:
            header = header_of(file)
            if (pages := header.pages) > 1:
                raise InputError(
                    f"{path} holds {pages} pages, and a mask has one; save each as a file of a folder "
                    f"{path.stem}/ instead"
                )
            mask = upright_picture(file, header.orientation)
        if mask.mode in ("P", "PA"):  # a palette's zero need not be black
            mask = mask.convert("RGBA")
        elif mask.mode in INKS:
            mask = mask.convert("RGB")
        if mask.mode in ("LA", "RGBA"):
            *colours, alpha = mask.split()
            constant = all(low == high for low, high in (c.getextrema() for c in colours))
            # An opaque layer is no defect; one that alone holds something is the mask.
            painted = constant and alpha.getextrema()[0] != alpha.getextrema()[1]
            mask = alpha if painted else mask.convert("RGB")
        pixels = np.asarray(mask)
    except InputError:  # a ValueError, as some of a decoder's
        raise
    except DECODE_ERRORS as error:
        raise InputError(f"{path} is missing or not a readable mask ({one_line(error)})") from error
    return np.asarray(pixels.max(axis=-1) if pixels.ndim == 3 else pixels)


def _threshold(values: NDArray[Any], path: Path) -> float:
    """Values above it are defective."""
    if values.dtype == bool:
        return 0

    def refuse(what: str) -> InputError:
        return InputError(f"{path} holds {what}; save it with 0 and 255")

    highest = values.max()
    if not (np.isfinite(values).all() and values.min() >= 0):
        raise refuse("values below zero, or values that are not numbers")
    if np.issubdtype(values.dtype, np.floating) and highest <= 1:
        few = len(np.unique(values)) <= 2
        if not few and highest <= 0.5:
            raise refuse(f"numbers up to {highest:g}, and defects start at 0.5")
        return 0 if few else 0.5
    if highest < CLASSES:
        return 0
    levels = (
        np.flatnonzero(np.bincount(values.ravel())) if values.dtype == np.uint8 else np.unique(values)
    )
    levels = levels[levels > 0]
    scale = 255 if highest <= 255 else 65535
    if len(levels) <= FEW:
        if levels[0] >= CLASSES or highest < WHITE * scale:
            return 0
        if (levels[:-1] < CLASSES).all():
            told = ", ".join(f"{level:g}" for level in levels)
            raise refuse(f"{told}: some may be class numbers, or artefacts of lossy compression")
    elif highest <= scale / 2:  # the middle of the scale would leave nothing of it
        raise refuse(
            f"{len(levels)} shades up to {highest:g}, which are neither black and white nor the numbers "
            "of a few classes"
        )
    return scale / 2


def upright_mask(image: Path, mask: Path) -> NDArray[np.bool_]:
    """A mask as its image is shown: a camera's orientation tag is applied to both alike.

    Raises:
        InputError: The mask's proportions are not the image's, or it cannot be told whether the tag
            applies to the mask.
    """
    pixels, header = read_mask(mask), read_header(image)
    if header.orientation == 1 or _has_tag(mask):
        return _of_proportions(pixels, header.upright, image, mask)
    turned = header.upright != (header.width, header.height)
    if not turned or header.width == header.height:
        raise InputError(
            f"{image} has a camera's orientation tag and its mask {mask} has none: it is unknown "
            "whether the mask is turned too; save the image upright, without the tag"
        )
    height, width = pixels.shape
    if _alike((width, height), (header.width, header.height)):
        pixels = upright_array(pixels, header.orientation)
    return _of_proportions(pixels, header.upright, image, mask)


def _has_tag(mask: Path) -> bool:
    return not mask.is_dir() and read_header(mask).orientation != 1


def _of_proportions(
    pixels: NDArray[np.bool_], size: tuple[int, int], image: Path, mask: Path
) -> NDArray[np.bool_]:
    height, width = pixels.shape
    if not _alike((width, height), size):
        raise InputError(
            f"{mask} is {width} x {height} pixels and its image {image} {size[0]} x {size[1]}: the "
            "aspect ratios differ; give the mask of that image"
        )
    return pixels


def _alike(mask: tuple[int, int], image: tuple[int, int]) -> bool:
    """Check whether two sizes have one aspect ratio, but for a pixel that was rounded."""
    return abs(mask[0] * image[1] - image[0] * mask[1]) <= max(image)


def fit_mask(mask: NDArray[np.bool_], size: int, crop: str) -> NDArray[np.bool_]:
    """Bring a mask to (size, size) as :func:`irp_lightning.data.files.images.fit_square` does its image.

    A pixel is defective if any of its source is, in part or whole: hairlines stay where they are.
    """
    if crop == "center":
        side = min(mask.shape)
        top, left = (mask.shape[0] - side) // 2, (mask.shape[1] - side) // 2
        mask = mask[top : top + side, left : left + side]
    return _any_below(_any_below(mask, size).T, size).T


def _any_below(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """(H, W) → (size, W): whether any of the rows is True that lie, in part or whole, in a new one's."""
    edges = np.arange(size + 1) * len(mask)  # of the new rows; one of the old ones is as long as size
    spans = np.stack([edges[:-1] // size, -(-edges[1:] // size)], axis=1)
    # What reduceat gives between the spans is left out; the last of them ends with the mask.
    return np.logical_or.reduceat(np.pad(mask, ((0, 1), (0, 0))), spans.ravel(), axis=0)[::2]


def load_mask(sample: Sample, size: int, crop: str) -> Tensor:
    """The defective pixels of an image as the backbone sees it.

    Args:
        sample: The image; a normal one has no defective pixel, whatever file it names.
        size: Side of the result, in pixels.
        crop: ``none`` or ``center``, as for the image.

    Returns:
        (size, size), bool.

    Raises:
        ValueError: The image is defective and has no mask.
        InputError: The mask is missing, unreadable or of another aspect ratio.
    """
    if not sample.label:
        return zeros(size, size, dtype=torch_bool)
    if sample.mask is None:
        raise ValueError(f"{sample.name} is defective and has no mask")
    return from_numpy(fit_mask(upright_mask(sample.path, sample.mask), size, crop))
