"""Decide what of its pictures a run shows to the backbone, from its training images, without a label."""

import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.files.images import cropped, load_rgb
from irp_lightning.features.part.layout import EXPLAINED, Layout, layout_of
from irp_lightning.features.part.part import Part
from irp_lightning.features.part.upright import grow_template, small_grey, template_size
from irp_lightning.foundation.amounts import percent
from irp_lightning.foundation.errors import WrongValue

__all__ = ["FoundPart", "decide", "find_part", "part_of"]

MOST_IMAGES = 500
"""Images that are looked at, spread over all of them; medians of more do not move."""

FEWEST_IMAGES = 10
"""With fewer, ``auto`` shows the whole picture: the next photograph's part may be elsewhere."""

AREA, BORDER = (0.01, 0.6), 0.05
"""What ``auto`` takes for a part on a plain background: medians over the images."""

ELONGATED, ALIGNED = 1.5, 0.9
"""``auto`` turns parts upright that are so elongated and whose angles agree less than that."""

GAIN = 1.1
"""``auto`` takes a box that magnifies the part by at least this."""

EDGE, MARGIN, STEP = 0.05, 0.03, 0.01
"""A box holds the masks of all but this share of the images on each side, and a margin. It is widened to
multiples of the step, so that runs on almost the same images share their features."""

SLACK = 1.06
"""An upright rectangle is larger than the masks by this."""

ASKED_FOR = "as asked for"


@dataclass(frozen=True, kw_only=True)
class FoundPart:
    """What is shown of every picture, and why.

    Attributes:
        part: None: the whole picture.
        template: (h, w), of parts that are turned upright; see
            :mod:`irp_lightning.features.part.upright`.
        reason: In words.
    """

    part: Part | None = None
    template: NDArray[np.uint8] | None = None
    reason: str = ASKED_FOR

    @property
    def is_asked_for(self) -> bool:
        """Whether nothing was decided."""
        return self.reason == ASKED_FOR

    @property
    def kind(self) -> str:
        """``whole``, ``box`` or ``upright``."""
        return "whole" if self.part is None else self.part.kind

    def __str__(self) -> str:
        if self.part is None:
            return f"the whole picture ({self.reason})"
        size = f"{self.part.width} x {self.part.height} px"
        if self.part.kind == "upright":
            return f"the part turned upright, {size} ({self.reason})"
        left, top, right, bottom = self.part.box
        share = percent((right - left) * (bottom - top))
        return f"one box, {share} of each picture, {size} ({self.reason})"


def find_part(
    paths: Sequence[Path], crop: str, bit_depth: BitDepth, wanted: str, image_size: int, grid: int
) -> FoundPart:
    """Look at the training images of a run, and decide.

    Args:
        paths: Image files.
        crop: Of pictures, before anything else.
        bit_depth: What the numbers of deep images mean.
        wanted: ``auto``, ``whole``, ``box`` or ``upright``.
        image_size: Side of a square with as many pixels as are to be shown.
        grid: Patches a side of such a square; 1: what is shown is squashed into the square.

    Raises:
        WrongValue: A part was asked for, and most pictures show none.
        InputError: An image cannot be decoded.
    """
    if wanted == "whole":
        return FoundPart()
    step = max(1, math.ceil(len(paths) / MOST_IMAGES))
    with ThreadPoolExecutor() as threads:
        seen = list(threads.map(partial(_look, crop, bit_depth), paths[::step]))
    layouts = [layout for layout, _ in seen]
    aspect = float(np.median([grey.width / grey.height for _, grey in seen]))
    kind, reason = decide(layouts) if wanted == "auto" else (wanted, ASKED_FOR)
    if kind == "whole":
        return FoundPart(reason=reason)
    found = [i for i, layout in enumerate(layouts) if layout.is_found]
    if len(found) <= len(layouts) / 2:
        reason = f"needs a part, and {len(found)} of {len(layouts)} images show one; set it to whole"
        raise WrongValue("part", wanted, reason)
    part = part_of(kind, [layouts[i] for i in found], aspect, image_size, grid)
    if kind == "box":
        return FoundPart(part=part, reason=reason)
    template = grow_template(
        [seen[i][1] for i in found],
        [layouts[i] for i in found],
        (part.extent[0], part.extent[1]),
        template_size(part.width, part.height),
    )
    digest = hashlib.blake2b(template.tobytes(), digest_size=16).hexdigest()
    return FoundPart(part=replace(part, template=digest), template=template, reason=reason)


def _look(crop: str, bit_depth: BitDepth, path: Path) -> tuple[Layout, Image.Image]:
    picture = cropped(load_rgb(path, bit_depth), crop)
    return layout_of(picture), small_grey(picture)


def decide(layouts: Sequence[Layout]) -> tuple[str, str]:
    """What ``auto`` takes, ``whole``, ``box`` or ``upright``, and why."""
    if len(layouts) < FEWEST_IMAGES:
        return "whole", f"{len(layouts)} images are too few to tell where parts are"
    area, border, explained, elongation = (
        float(np.median([getattr(layout, name) for layout in layouts]))
        for name in ("area", "border", "explained", "elongation")
    )
    if not (AREA[0] < area < AREA[1] and border < BORDER and explained > EXPLAINED):
        return "whole", "no part stands out from a plain background"
    if elongation > ELONGATED and _agreement([layout.angle for layout in layouts]) < ALIGNED:
        return "upright", "long parts lie at different angles"
    left, top, right, bottom = _box(layouts)
    if (right - left) * (bottom - top) < GAIN**-2:
        return "box", "parts lie alike on a plain background"
    return "whole", "parts fill the picture or lie anywhere in it"


def _agreement(angles: Sequence[float]) -> float:
    """The resultant of axes, which are the same after half a turn: 1 where all are parallel."""
    doubled = np.radians(2 * np.array(angles))
    return float(np.hypot(np.cos(doubled).mean(), np.sin(doubled).mean()))


def _box(layouts: Sequence[Layout]) -> tuple[float, float, float, float]:
    boxes = np.array([layout.box for layout in layouts])
    low = np.clip(np.quantile(boxes[:, :2], EDGE, axis=0) - MARGIN, 0, 1)
    high = np.clip(np.quantile(boxes[:, 2:], 1 - EDGE, axis=0) + MARGIN, 0, 1)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def part_of(kind: str, layouts: Sequence[Layout], aspect: float, image_size: int, grid: int) -> Part:
    """The box or the upright rectangle of some pictures' parts, in the pixels and patches of a square.

    Args:
        kind: ``box`` or ``upright``.
        layouts: Of pictures in which a part was found.
        aspect: Width of a picture divided by its height.
        image_size: Side of a square with as many pixels.
        grid: Patches a side of that square.
    """
    if kind == "box":
        left, top, right, bottom = _box(layouts)
        box = tuple(
            round(STEP * outward(side / STEP), 6)
            for outward, side in (
                (math.floor, left),
                (math.floor, top),
                (math.ceil, right),
                (math.ceil, bottom),
            )
        )
        ratio = aspect * (box[2] - box[0]) / (box[3] - box[1])
        width, height, columns, rows = _sizes(ratio, image_size, grid)
        return Part(kind=kind, box=box, width=width, height=height, columns=columns, rows=rows)
    reach = np.quantile([layout.reach for layout in layouts], 1 - EDGE, axis=0)
    extent = tuple(round(math.ceil(100 * 2 * SLACK * float(length)) / 100, 6) for length in reach)
    width, height, columns, rows = _sizes(extent[0] / extent[1], image_size, grid)
    return Part(kind=kind, extent=extent, width=width, height=height, columns=columns, rows=rows)


def _sizes(ratio: float, image_size: int, grid: int) -> tuple[int, int, int, int]:
    """Width, height, columns and rows of a rectangle with about as many pixels as the square.

    Columns and rows are even: patches are averaged in pairs.
    """
    if grid == 1:
        return image_size, image_size, 1, 1
    columns, rows = (max(2, 2 * round(grid * side / 2)) for side in (ratio**0.5, ratio**-0.5))
    patch = image_size / grid
    return round(columns * patch), round(rows * patch), columns, rows
