"""Views: rotated copies of an image.

DifferNet trains on random rotations of every image and averages its score over fixed ones (paper,
section 3.1 and Eq. 4).
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["rotate", "view_angles"]


def view_angles(count: int, seed: int) -> Tensor:
    """Seeded angles in [0°, 360°): (count,), float64. A longer list begins with the shorter one."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64) * 360


def rotate(images: Tensor, angles: Tensor, interpolation: str, fill: str) -> Tensor:
    """Rotate images about their centre, counter-clockwise as they are looked at.

    Args:
        images: (B, C, H, W), floating point, on any device.
        angles: (B, V), degrees.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill: What comes in from beyond the edges: ``"zeros"``, ``"border"`` or ``"reflection"``.

    Returns:
        (B, V, C, H, W), what leaves the picture lost.
    """
    batch, channels, height, width = images.shape
    views = angles.shape[1]
    grids = [_grid(tuple(row), (height, width), images.device) for row in angles.tolist()]
    # The views of an image are sampled from it as one tall picture: no copy of it for each view.
    tall = torch.stack(grids).view(batch, views * height, width, 2) if batch > 1 else grids[0][None]
    sampled = F.grid_sample(
        images, tall.to(images.dtype), mode=interpolation, padding_mode=fill, align_corners=False
    )
    return sampled.view(batch, channels, views, height, width).transpose(1, 2)


@lru_cache(maxsize=4)  # extraction asks for the same angles again and again; a grid is 13 MB at 8 views
def _grid(angles: tuple[float, ...], size: tuple[int, int], device: torch.device) -> Tensor:
    """Where each pixel of each view comes from: (V · H, W, 2), in [-1, 1] within the image."""
    height, width = size
    radians = torch.deg2rad(torch.tensor(angles, dtype=torch.float64)).float()
    cos, sin, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
    # The inverse rotation, as grid_sample asks where to read; its y points down, which turns the
    # sense of the angle round.
    across, along = height / width, width / height
    inverse = torch.stack([cos, -sin * across, zero, sin * along, cos, zero], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(inverse, [len(angles), 1, height, width], align_corners=False)
    return grid.view(-1, width, 2).to(device)
