"""A map over its picture."""

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

__all__ = ["overlay", "stretched", "unit_range"]

COLOURS = matplotlib.colormaps["inferno"]


def overlay(pictures: NDArray[np.uint8], heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A heat map over its picture: transparent where it is cold, opaque where it is hot.

    Args:
        pictures: (H, W, 3), uint8.
        heat: (H, W), in [0, 1].

    Returns:
        (H, W, 3), uint8.
    """
    heat = heat.clip(0, 1)[..., None]
    colours = COLOURS(0.25 + 0.75 * heat[..., 0])[..., :3] * 255
    opacity = 0.85 * heat**0.75
    return (pictures * (1 - opacity) + colours * opacity).round().astype(np.uint8)


def stretched(heat: Tensor, size: tuple[int, int]) -> NDArray[np.float32]:
    """A map in its own range, brought to a picture's (width, height): (h, w) → (H, W), in [0, 1]."""
    picture = Image.fromarray(unit_range(heat).numpy())
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def unit_range(heat: Tensor) -> Tensor:
    """A map scaled into [0, 1] from its own least value to nearly its greatest; a flat one is 0.

    The hottest 0.5 % become 1: a few pixels in a corner that one view saw would else dim the rest.
    """
    heat = heat.float().cpu().nan_to_num()
    low, high = heat.min().item(), float(np.quantile(heat.numpy(), 0.995))
    high = high if high > low else heat.max().item()
    return ((heat - low) / (high - low)).clamp(0, 1) if high > low else heat.new_zeros(heat.shape)
