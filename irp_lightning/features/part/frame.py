"""Where what is shown of a picture comes from, and the way back.

A frame maps the unit square that is shown, (u, v), to the picture, (x, y), both as shares of width and
height: x = a·u + b·v + c, y = d·u + e·v + f.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

__all__ = ["WHOLE", "Frame", "boxed", "carried_back", "cut", "turned"]


@dataclass(frozen=True)
class Frame:
    """An affine map from what is shown to the picture.

    Attributes:
        a, b, c, d, e, f: See the module.
        is_found: Whether the part was found in the picture; else it is shown as it lies.
    """

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 1.0
    f: float = 0.0
    is_found: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether all of the picture is shown as it is."""
        return (self.a, self.b, self.c, self.d, self.e, self.f) == (1, 0, 0, 0, 1, 0)


WHOLE = Frame()


def boxed(box: tuple[float, float, float, float]) -> Frame:
    """The frame of a box: (left, top, right, bottom), as shares of width and height."""
    left, top, right, bottom = box
    return Frame(right - left, 0.0, left, 0.0, bottom - top, top)


def turned(
    centre: tuple[float, float],
    angle: float,
    extent: tuple[float, float],
    size: tuple[int, int],
    *,
    is_found: bool = True,
) -> Frame:
    """The frame of a rectangle about a point, its width along a direction.

    Args:
        centre: As shares of width and height.
        angle: Of the direction, in degrees; y points down.
        extent: Width and height of the rectangle, as shares of the picture's mean side.
        size: (width, height) of the picture, in pixels.
        is_found: Whether the part was found.
    """
    mean_side = math.sqrt(size[0] * size[1])
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    width, height = (length * mean_side for length in extent)
    a, b = width * cos / size[0], -height * sin / size[0]
    d, e = width * sin / size[1], height * cos / size[1]
    return Frame(a, b, centre[0] - (a + b) / 2, d, e, centre[1] - (d + e) / 2, is_found)


def cut(picture: Image.Image, frame: Frame, size: tuple[int, int]) -> Image.Image:
    """What a frame shows of a picture. What is beyond the picture's edge repeats the edge.

    Args:
        picture: RGB or grey.
        frame: Where to look.
        size: (width, height) of the result, in pixels.
    """
    width, height = picture.size
    if frame.b == frame.d == 0:
        box = (
            frame.c * width,
            frame.f * height,
            (frame.c + frame.a) * width,
            (frame.f + frame.e) * height,
        )
        # Sharper, and defects rank a little higher; whole pictures are the paper's.
        sharp = Image.Resampling.BILINEAR if frame.is_whole else Image.Resampling.BICUBIC
        return picture.resize(size, sharp, box=box)
    # Rotation looks at few pixels: a larger picture is averaged before.
    scale = min(1.0, size[0] / math.hypot(frame.a * width, frame.d * height))
    if scale < 1:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    xs = [frame.c + frame.a * u + frame.b * v for u in (0, 1) for v in (0, 1)]
    ys = [frame.f + frame.d * u + frame.e * v for u in (0, 1) for v in (0, 1)]
    beyond = max(-min(xs) * width, (max(xs) - 1) * width, -min(ys) * height, (max(ys) - 1) * height, 0)
    pad = math.ceil(beyond) + 2
    pixels = np.asarray(picture)
    padded = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0))[: pixels.ndim], "edge")
    return Image.fromarray(padded).transform(
        size,
        Image.Transform.AFFINE,
        (
            frame.a * width / size[0],
            frame.b * width / size[1],
            frame.c * width + pad,
            frame.d * height / size[0],
            frame.e * height / size[1],
            frame.f * height + pad,
        ),
        Image.Resampling.BICUBIC,
    )


def carried_back(maps: Tensor, frame: Frame, size: tuple[int, int]) -> Tensor:
    """Maps of what is shown, as maps of the picture; 0 where nothing was shown.

    Args:
        maps: (M, h, w), at least 0.
        frame: Where they come from.
        size: (height, width) of the result.

    Returns:
        (M, height, width), float32; the maps themselves where all is shown at that size.
    """
    if frame.is_whole and maps.shape[1:] == size:
        return maps
    height, width = size
    x = ((torch.arange(width, dtype=torch.double) + 0.5) / width - frame.c)[None, :]
    y = ((torch.arange(height, dtype=torch.double) + 0.5) / height - frame.f)[:, None]
    area = frame.a * frame.e - frame.b * frame.d
    u, v = (frame.e * x - frame.b * y) / area, (frame.a * y - frame.d * x) / area
    grid = (torch.stack([u, v], dim=-1) * 2 - 1).to(maps)
    found = F.grid_sample(
        maps.float()[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False
    )
    return found[0] * (grid.abs() <= 1).all(dim=-1)
