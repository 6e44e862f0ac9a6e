"""How the part is placed in one picture, measured from its mask."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from irp_lightning.features.part.foreground import SIDE, foreground_of

__all__ = ["EXPLAINED", "Layout", "layout_of"]

FEWEST = 20
"""Pixels of a mask that show a part; fewer are a speck."""

EXPLAINED = 0.7
"""Share of variance that a part and its plain background explain at least. Two halves of noise explain
2/π, 0.64 (normal distribution); parts of three real materials 0.77 to 0.97."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the part is and how it is turned. Lengths are shares of the mean side, √(width · height).

    Attributes:
        is_found: Whether there is a part; else the layout is that of the whole picture.
        centre: (x, y) of the middle between the mask's ends, as shares of width and height.
        angle: Of the long axis against the picture's rows, in degrees, [0, 180); y points down.
        elongation: Standard deviation along the long axis divided by that across it, at least 1.
        area: Share of the picture that the mask covers.
        border: Share of the picture's border that the mask covers.
        explained: See :class:`irp_lightning.features.part.foreground.Foreground`.
        box: (left, top, right, bottom) of the mask, as shares of width and height.
        reach: (along, across): the distances of the mask's ends from the centre.
    """

    is_found: bool
    centre: tuple[float, float]
    angle: float
    elongation: float
    area: float
    border: float
    explained: float
    box: tuple[float, float, float, float]
    reach: tuple[float, float]


ENDS = (0.002, 0.998)
"""Quantiles of a mask's pixels that are taken for its ends: a hair is none."""


NOTHING = Layout(
    is_found=False,
    centre=(0.5, 0.5),
    angle=0.0,
    elongation=1.0,
    area=0.0,
    border=1.0,
    explained=0.0,
    box=(0.0, 0.0, 1.0, 1.0),
    reach=(0.5, 0.5),
)


def layout_of(picture: Image.Image) -> Layout:
    """The layout of the part in a picture: RGB, of any size."""
    found = foreground_of(picture)
    rows, columns = np.nonzero(found.mask)
    if len(rows) < FEWEST or found.explained <= EXPLAINED:
        return NOTHING
    mean_side = math.sqrt(picture.width * picture.height)
    x, y = (columns + 0.5) / SIDE, (rows + 0.5) / SIDE
    centre = float(x.mean()), float(y.mean())
    # In the picture's own proportions.
    dx, dy = (x - centre[0]) * picture.width / mean_side, (y - centre[1]) * picture.height / mean_side
    variances, axes = np.linalg.eigh(np.cov(np.stack([dx, dy])))
    angle = math.degrees(math.atan2(axes[1, 1], axes[0, 1])) % 180
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = (np.quantile(side, ENDS) for side in (dx * cos + dy * sin, dy * cos - dx * sin))
    middle = float(along.mean()), float(across.mean())
    centre = (
        centre[0] + (middle[0] * cos - middle[1] * sin) * mean_side / picture.width,
        centre[1] + (middle[0] * sin + middle[1] * cos) * mean_side / picture.height,
    )
    m = found.mask
    return Layout(
        is_found=True,
        centre=centre,
        angle=angle,
        elongation=math.sqrt(variances[1] / max(variances[0], 1e-12)),
        area=float(m.mean()),
        border=float(np.concatenate([m[0], m[-1], m[:, 0], m[:, -1]]).mean()),
        explained=found.explained,
        box=(
            float(columns.min()) / SIDE,
            float(rows.min()) / SIDE,
            float(columns.max() + 1) / SIDE,
            float(rows.max() + 1) / SIDE,
        ),
        reach=(float(np.ptp(along)) / 2, float(np.ptp(across)) / 2),
    )
