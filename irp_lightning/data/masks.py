"""The mask of a defect: which pixels of an image are defective."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, from_numpy, zeros
from torch import bool as torch_bool

from irp_lightning.data.images import DECODE_ERRORS, fit_square
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["defects_cropped_away", "fit_mask", "load_mask", "read_mask"]


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Decode a mask at its own resolution: (H, W), True where a pixel is not zero (black).

    Raises:
        InputError: The file is missing or cannot be decoded to its end.
    """
    try:
        with Image.open(path) as file:
            # A palette's zero need not be black, and an opaque alpha channel is no defect.
            pixels = np.asarray(file.convert("RGB") if file.mode in ("P", "PA", "LA", "RGBA") else file)
    except DECODE_ERRORS as error:
        raise InputError(f"{path} is missing or no readable mask ({one_line(error)})") from error
    return np.asarray(pixels.any(axis=-1) if pixels.ndim == 3 else pixels != 0)


def fit_mask(mask: NDArray[np.bool_], size: int, crop: str) -> NDArray[np.bool_]:
    """Bring a mask to (size, size) as :func:`fit_square` brings its image there, by nearest pixels."""
    picture = Image.fromarray(mask.astype(np.uint8))
    return np.asarray(fit_square(picture, size, crop, Image.Resampling.NEAREST)) != 0


def load_mask(sample: Sample, size: int, crop: str) -> Tensor:
    """The defective pixels of an image as the backbone sees it.

    Args:
        sample: The image; a normal one has no defective pixel, whatever file it names.
        size: Side of the result, in pixels.
        crop: ``none`` or ``center``, as for the image.

    Returns:
        (size, size), bool. Where the mask is shrunk, the nearest pixel counts: a defect thinner than a
        pixel of the result may be broken up.

    Raises:
        ValueError: The image is defective and has no mask.
        InputError: The mask is missing or unreadable.
    """
    if not sample.label:
        return zeros(size, size, dtype=torch_bool)
    if sample.mask is None:
        raise ValueError(f"{sample.name} is defective and has no mask")
    return from_numpy(fit_mask(read_mask(sample.mask), size, crop))


def defects_cropped_away(samples: list[Sample], crop: str) -> int:
    """How many defective images show nothing of their defect after the crop."""
    if crop == "none":
        return 0
    masks = (read_mask(s.mask) for s in samples if s.label and s.mask is not None)
    # At a mask's own resolution: a resize could lose a thin defect that the crop has kept.
    return sum(not fit_mask(mask, min(mask.shape), crop).any() for mask in masks)
