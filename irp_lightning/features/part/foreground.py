"""The mask of the part in a picture with a plain background, found without a label or training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

__all__ = ["SIDE", "Foreground", "foreground_of"]

SIDE = 160
"""Side of the square that masks are found in, in pixels: enough for a position, and fast."""

RIM = SIDE // 40
"""Width of the border whose median colour is taken for the background's, in pixels."""

BLUR = 1.0
"""Standard deviation of the blur before the threshold, in pixels: noise makes no foreground."""

SMALLEST = 0.2
"""A component of the mask smaller than this share of the largest is dropped: dust and reflections."""


@dataclass(frozen=True)
class Foreground:
    """The mask of a picture.

    Attributes:
        mask: (SIDE, SIDE), bool; the picture is squashed into the square.
        explained: Share of the variance that the two classes explain, in [0, 1]: near 1 where the
            background is plain and the part stands out from it.
    """

    mask: NDArray[np.bool_]
    explained: float


def foreground_of(picture: Image.Image) -> Foreground:
    """The pixels that differ from the border's colour.

    Args:
        picture: RGB, of any size.
    """
    small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, np.float32)
    distances = np.abs(pixels - _border_colour(pixels)).max(axis=2)
    distances = ndimage.gaussian_filter(distances, BLUR)
    over = distances > _otsu(distances)
    return Foreground(_large_components(over), _explained(distances, over))


def _border_colour(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = (pixels[:RIM], pixels[-RIM:], pixels[:, :RIM], pixels[:, -RIM:])
    colour: NDArray[np.float32] = np.median(np.concatenate([s.reshape(-1, 3) for s in sides]), axis=0)
    return colour


def _otsu(values: NDArray[np.float32]) -> float:
    """The threshold between the two classes of values that differ most (Otsu 1979).

    Every fourth value is looked at: neighbours are alike after the blur.
    """
    ordered = np.sort(values[::2, ::2].ravel()).astype(np.float64)
    total, sums = len(ordered), ordered.cumsum()
    count = np.arange(1, total)
    means = sums[:-1] / count, (sums[-1] - sums[:-1]) / (total - count)
    return float(ordered[(count * (total - count) * (means[0] - means[1]) ** 2).argmax()])


def _explained(values: NDArray[np.float32], over: NDArray[np.bool_]) -> float:
    share = over.mean()
    if not 0 < share < 1:
        return 0.0
    between = share * (1 - share) * (values[over].mean() - values[~over].mean()) ** 2
    return float(between / values.var())


def _large_components(over: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labelled, count = ndimage.label(ndimage.binary_fill_holes(over))
    if not count:
        return over
    sizes = np.bincount(labelled.ravel())[1:]
    return np.isin(labelled, 1 + np.flatnonzero(sizes >= SMALLEST * sizes.max()))
