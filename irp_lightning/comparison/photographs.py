"""Removed photographs as thumbnails: outlined by their label, their defects circled."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.record import Photograph

__all__ = ["BAD", "GOOD", "circles", "outlined"]

GOOD, BAD = "#1a9850", "#d7191c"
SIDE = 224
"""Pixels of a thumbnail's longer side."""

LEAST_RADIUS = 0.07
"""Of a circle, as a share of the thumbnail's longer side: a pinhole must be found too."""

MOST_CIRCLES = 12


def outlined(photo: Photograph, bad: bool) -> Image.Image:
    """The photograph with an outline, green or red, and a red circle around each part of the defect.

    Raises:
        InputError: It cannot be decoded.
    """
    # With it comes torch, half a gigabyte that a comparison without photographs has no use for.
    from irp_lightning.data.files.bit_depth import BitDepth
    from irp_lightning.runs.thumbnail import thumbnail

    picture = thumbnail(photo.path, SIDE, BitDepth(**photo.bit_depth))
    if bad:
        _circle(picture, photo)
    border = max(4, SIDE // 40)
    framed = Image.new(
        "RGB", (picture.width + 2 * border, picture.height + 2 * border), BAD if bad else GOOD
    )
    framed.paste(picture, (border, border))
    return framed


def circles(mask: NDArray[np.bool_], least: float) -> list[tuple[float, float, float]]:
    """A circle around each connected part of a mask, the largest parts first.

    Args:
        mask: (H, W), True where a pixel is defective.
        least: The smallest radius, in pixels; parts that lie closer than half of it become one.

    Returns:
        Centre x, centre y and radius, in pixels.
    """
    joined = ndimage.binary_dilation(mask, iterations=max(1, round(least / 4)))
    parts, count = ndimage.label(joined, structure=np.ones((3, 3)))
    sizes = ndimage.sum_labels(mask, parts, range(1, count + 1))
    found = []
    for (rows, columns), _ in sorted(
        zip(ndimage.find_objects(parts), sizes, strict=True), key=lambda part: -part[1]
    )[:MOST_CIRCLES]:
        height, width = rows.stop - rows.start, columns.stop - columns.start
        centre = (columns.start + (width - 1) / 2, rows.start + (height - 1) / 2)
        # A part as large as the picture still gets a circle that can be seen.
        largest = max(least, min(mask.shape) / 2 - 2)
        found.append((*centre, min(largest, max(least, 0.6 * max(height, width)))))
    return found


def _circle(picture: Image.Image, photo: Photograph) -> None:
    from irp_lightning.data.files.masks import upright_mask

    if photo.mask is None:
        return
    try:
        mask = upright_mask(photo.path, photo.mask)
    except InputError:
        return  # the photograph is worth showing without it
    # By area, not by nearest pixels: a defect thinner than a pixel of the thumbnail stays.
    small = Image.fromarray(mask.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.BOX)
    draw = ImageDraw.Draw(picture)
    for x, y, radius in circles(np.asarray(small) > 0, LEAST_RADIUS * max(picture.size)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=BAD, width=3)
