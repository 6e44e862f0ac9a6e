"""Views: rotated copies of an image.

DifferNet trains on random rotations of every image and averages its score over fixed ones (paper,
section 3.1 and Eq. 4).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["FILLS", "INTERPOLATIONS", "rotate", "view_angles"]

INTERPOLATIONS = ("bilinear", "nearest")
FILLS = ("zeros", "border", "reflection")


def view_angles(count: int, seed: int) -> Tensor:
    """Seeded angles in [0°, 360°): (count,), float64. A longer list begins with the shorter one."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64) * 360


def rotate(images: Tensor, angles: Tensor, interpolation: str, fill: str) -> Tensor:
    """Rotate square images about their centre, counter-clockwise as they are looked at.

    Args:
        images: (B, C, S, S), floating point, on any device.
        angles: (B,), degrees.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill: What comes in from beyond the edges: ``"zeros"``, ``"border"`` or ``"reflection"``.

    Returns:
        (B, C, S, S), the corners that leave the square lost.
    """
    radians = torch.deg2rad(angles).to(images)
    cos, sin, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
    # grid_sample asks for each output pixel where it comes from: the inverse rotation; its y points
    # down, which turns the sense of the angle round.
    inverse = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(inverse, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode=interpolation, padding_mode=fill, align_corners=False)
