"""A small picture of an image file."""

from pathlib import Path

import numpy as np

from irp_lightning.data.images import load_rgb

__all__ = ["THUMBNAIL_SIDE", "thumbnail"]

THUMBNAIL_SIDE = 160
"""Pixels that the longer side has at most."""


def thumbnail(path: Path) -> np.ndarray:
    """The image, made small in its own proportions: (height, width, 3), uint8."""
    image = load_rgb(path)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return np.asarray(image)
