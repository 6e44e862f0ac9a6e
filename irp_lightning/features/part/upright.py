"""Turn the part upright in every picture: its long axis along the rows, its head on one side.

A mask gives the long axis but not which end comes first. That is settled by a template, the mean of all
pictures that are turned already: each picture takes the pose that is more like it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from irp_lightning.features.part.frame import Frame, cut, turned
from irp_lightning.features.part.layout import Layout, layout_of

__all__ = ["grow_template", "small_grey", "template_size", "upright_frame"]

MEAN_SIDE = 256
"""√(width · height) of the pictures that poses are compared in, in pixels."""

SHRUNK = 4
"""A template has so many times fewer pixels a side than what is shown."""

ATTEMPTS = 20
"""How often the template is taken anew until no picture turns."""

Vector = NDArray[np.float64]


def small_grey(picture: Image.Image) -> Image.Image:
    """A picture as poses are compared in: grey and small."""
    grey = picture.convert("L")
    scale = MEAN_SIDE / (grey.width * grey.height) ** 0.5
    if scale < 1:
        size = max(1, round(grey.width * scale)), max(1, round(grey.height * scale))
        grey = grey.resize(size, Image.Resampling.BILINEAR)
    return grey


def template_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the template of pictures that are shown in a size, in pixels."""
    return max(1, width // SHRUNK), max(1, height // SHRUNK)


def grow_template(
    greys: Sequence[Image.Image],
    layouts: Sequence[Layout],
    extent: tuple[float, float],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """The mean upright picture: (height, width).

    Pictures join one by one, each in the pose that is more like the mean of those before it; then the
    poses of all are chosen anew until none changes.

    Args:
        greys: Of :func:`small_grey`, at least one; a part was found in each.
        layouts: Of the pictures.
        extent: Of what is shown, as shares of a picture's mean side.
        size: (width, height) of the template, in pixels.
    """
    poses = np.stack(
        [_poses(grey, layout, extent, size) for grey, layout in zip(greys, layouts, strict=True)]
    )  # (N, 2, P)
    total, turned_over = poses[0, 0].copy(), np.zeros(len(poses), int)
    for i in range(1, len(poses)):
        turned_over[i] = _is_turned_over(poses[i], total)
        total += poses[i, turned_over[i]]
    for _ in range(ATTEMPTS):
        mean = poses[np.arange(len(poses)), turned_over].mean(axis=0)
        anew = np.array([_is_turned_over(both, mean) for both in poses], int)
        if (anew == turned_over).all():
            break
        turned_over = anew
    mean = poses[np.arange(len(poses)), turned_over].mean(axis=0)
    low, high = mean.min(), mean.max()
    scaled = (mean - low) / max(high - low, 1e-12) * 255
    return scaled.round().astype(np.uint8).reshape(size[::-1])


def upright_frame(
    picture: Image.Image, extent: tuple[float, float], template: NDArray[np.uint8]
) -> Frame:
    """Where the part is in a picture, and how it is turned.

    Args:
        picture: RGB.
        extent: Width and height of what is shown, as shares of the picture's mean side.
        template: (h, w).

    Returns:
        The frame; of a picture in which no part is found the middle, as it lies.
    """
    layout = layout_of(picture)
    if not layout.is_found:
        return turned(layout.centre, layout.angle, extent, picture.size, is_found=False)
    both = _poses(small_grey(picture), layout, extent, (template.shape[1], template.shape[0]))
    is_over = _is_turned_over(both, _unit(template))
    return turned(layout.centre, layout.angle + 180 * is_over, extent, picture.size)


def _poses(
    grey: Image.Image, layout: Layout, extent: tuple[float, float], size: tuple[int, int]
) -> Vector:
    """Both poses of a picture as unit vectors: (2, P)."""
    frames = [turned(layout.centre, layout.angle + turn, extent, grey.size) for turn in (0, 180)]
    return np.stack([_unit(np.asarray(cut(grey, frame, size))) for frame in frames])


def _unit(picture: NDArray[np.uint8]) -> Vector:
    """A picture's differences from its mean, their length brought to 1: (P,)."""
    values = picture.ravel().astype(np.float64)
    values -= values.mean()
    found: Vector = values / (np.linalg.norm(values) + 1e-9)
    return found


def _is_turned_over(both: Vector, template: Vector) -> bool:
    return bool(both[1] @ template > both[0] @ template)
