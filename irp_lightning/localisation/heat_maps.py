"""Pictures of where a detector sees a defect."""

import math
from itertools import zip_longest

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from irp_lightning.data.samples import GOOD
from irp_lightning.features.part.frame import WHOLE, Frame, carried_back
from irp_lightning.localisation.localisation import Localisation
from irp_lightning.localisation.overlay import overlay, stretched, unit_range

__all__ = ["heat_map_picture", "heat_maps"]

OUTLINE = "#3ddcff"  # a hue that neither the colour map nor most materials have
MOST_IMAGES, MOST_NORMAL, COLUMNS = 12, 3, 6
LONGEST_SIDE = 1024


def heat_map_picture(
    photograph: Image.Image, heat: Tensor, crop: str, frame: Frame = WHOLE
) -> Image.Image:
    """An image with its heat map over it, in the image's own proportions.

    The colours span the map's own range, its hottest 0.5 % sharing one: they show where the score comes
    from, not how high it is.

    Args:
        photograph: RGB, as decoded.
        heat: (H, W), ≥ 0: its map, as of what the backbone sees.
        crop: One of ``CROPS``: what was cut out of the image before.
        frame: Where in that the map comes from; the rest of the image stays without colour.

    Returns:
        The picture, its longer side ``LONGEST_SIDE`` at most.
    """
    picture = photograph.copy()
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    width, height = picture.size
    side = (min(picture.size),) * 2 if crop == "center" else picture.size
    left, top = (width - side[0]) // 2, (height - side[1]) // 2
    canvas = np.zeros((height, width), np.float32)
    canvas[top : top + side[1], left : left + side[0]] = _coloured(heat, frame, side)
    return Image.fromarray(overlay(np.asarray(picture), canvas))


def _coloured(heat: Tensor, frame: Frame, size: tuple[int, int]) -> NDArray[np.float32]:
    """A map in its own range, in a picture of (width, height): (h, w) → (H, W), in [0, 1]."""
    if frame.is_whole:
        return stretched(heat, size)
    return carried_back(unit_range(heat)[None], frame, size[::-1])[0].numpy()


def heat_maps(found: Localisation, scores: Tensor) -> Figure:
    """Some images, below each its heat map; defective ones first, with the outline of their masks.

    All kinds of defect take turns, each in the order of its images: what is shown is no choice of the
    best. The colours of an image span its own map's range.

    Args:
        found: The maps.
        scores: (N,): the anomaly scores of its images.
    """
    shown = _choice(found.defects)
    blocks = max(1, math.ceil(len(shown) / COLUMNS))
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, hspace=0, wspace=0)
    figure = Figure(figsize=(1.75 * COLUMNS, 3.75 * blocks + 0.5), layout=layout)
    figure.suptitle(_title(found))
    axes = figure.subplots(2 * blocks, COLUMNS, squeeze=False)
    for axis in axes.flatten():
        axis.set_axis_off()
    for k, i in enumerate(shown):
        row, column = 2 * (k // COLUMNS), k % COLUMNS
        picture, mask = found.images[i].permute(1, 2, 0).numpy(), found.masks[i].numpy()
        above, below = axes[row, column], axes[row + 1, column]
        above.imshow(picture)
        below.imshow(overlay(picture, unit_range(found.maps[i]).numpy()))
        if mask.any():
            # With a rim of normal pixels, so that the outline closes at the picture's edges.
            steps = np.arange(-1, len(mask) + 1)
            for axis in (above, below):
                axis.contour(steps, steps, np.pad(mask, 1), [0.5], colors=OUTLINE, linewidths=0.9)
                axis.set(xlim=(-0.5, len(mask) - 0.5), ylim=(len(mask) - 0.5, -0.5))
        # Names are data: a dollar sign in a folder's name must not start a formula.
        above.set_title(f"{found.defects[i]}, {scores[i].item():.3g}", fontsize=8, parse_math=False)
    return figure


def _title(found: Localisation) -> str:
    measures = {"pixel AUROC": found.pixel_auroc, "AUPRO": found.aupro}
    told = [f"{name} {value:.3f}" for name, value in measures.items() if value is not None]
    count = f"{len(found.names)} image{'s' * (len(found.names) != 1)}"
    return ", ".join([f"heat maps: kind and score; {count}", *told])


def _choice(defects: list[str]) -> list[int]:
    """Up to ``MOST_IMAGES`` positions: defective images, their kinds in turn, then a few normal ones."""
    normal = [i for i, defect in enumerate(defects) if defect == GOOD]
    kinds = [
        [i for i, defect in enumerate(defects) if defect == kind]
        for kind in sorted(set(defects) - {GOOD})
    ]
    turns = [i for turn in zip_longest(*kinds) for i in turn if i is not None]
    bad = turns[: MOST_IMAGES - min(MOST_NORMAL, len(normal))]
    return sorted(bad, key=lambda i: (defects[i], i)) + normal[: MOST_IMAGES - len(bad)]
