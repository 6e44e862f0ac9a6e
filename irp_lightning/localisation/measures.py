"""Pixel metrics of anomaly maps: pixel AUROC and AUPRO.

Own code: libraries that have AUPRO take it at chosen thresholds, and scikit-learn's AUROC, equal to
rounding, needs many times as long where few pixels are defective.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

__all__ = ["aupro", "pixel_auroc"]


def pixel_auroc(maps: Tensor, masks: Tensor) -> float | None:
    """Area under the ROC curve over all pixels of all images, in [0, 1]; ties count half.

    Args:
        maps: (N, H, W), higher is more anomalous.
        masks: (N, H, W), bool, True where defective.

    Returns:
        The area; None unless there is a defective and a normal pixel.

    Raises:
        ValueError: The shapes differ, or a value is not a number.
    """
    values, truth = _arrays(maps, masks)
    defective = int(truth.sum())
    weights = np.full(defective, 1 / max(defective, 1))
    return _area(values[~truth], values[truth], weights, limit=1.0)


def aupro(maps: Tensor, masks: Tensor, limit: float = 0.3) -> float | None:
    """Area under the per-region overlap curve, up to a false positive rate, in [0, 1].

    Bergmann, Batzner, Fauser, Sattlegger, Steger: *The MVTec Anomaly Detection Dataset*, IJCV 2021,
    section 6.1. At each threshold: the share of a defective region (8-connected) that is found, averaged
    over the regions, so that a small defect counts as much as a large one; against the share of all
    normal pixels that are found. A random map reaches ``limit / 2``.

    Args:
        maps: (N, H, W), higher is more anomalous.
        masks: (N, H, W), bool, True where defective.
        limit: The highest false positive rate, in (0, 1]; the area is divided by it.

    Returns:
        The area; None unless there is a defective and a normal pixel.

    Raises:
        ValueError: The shapes differ, a value is not a number, or the limit is out of range.
    """
    if not 0 < limit <= 1:
        raise ValueError(f"limit={limit} is not in (0, 1]")
    values, truth = _arrays(maps, masks)
    weights, regions = [], 0
    for mask in truth:
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        found = labels[mask]
        weights.append(1 / np.bincount(found)[found] if count else np.zeros(0))
        regions += count
    each = np.concatenate([*weights, np.zeros(0)]) / max(regions, 1)
    return _area(values[~truth], values[truth], each, limit)


def _arrays(maps: Tensor, masks: Tensor) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    if maps.shape != masks.shape or maps.dim() != 3:
        raise ValueError(
            f"maps {tuple(maps.shape)} and masks {tuple(masks.shape)} are not both (N, H, W)"
        )
    values = maps.detach().cpu().numpy()
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} values of the maps are not numbers")
    return values, masks.cpu().numpy().astype(bool)


def _area(
    normal: NDArray[np.floating],
    defective: NDArray[np.floating],
    weights: NDArray[np.float64],
    limit: float,
) -> float | None:
    """The area below (false positive rate, weight of the defective pixels found), over the limit.

    Each defective pixel is a step of its weight, at the share of normal pixels above it; where normal
    pixels have the very same value, all of them enter together, and the step is a ramp. The area is
    the sum of the steps' areas: no threshold is ever tried.

    Args:
        normal: (P,), values of the normal pixels.
        defective: (Q,), of the defective ones.
        weights: (Q,), summing to 1.
        limit: In (0, 1].
    """
    if not len(normal) or not len(defective):
        return None
    ordered = np.sort(normal)
    total = len(ordered)
    start = 1 - np.searchsorted(ordered, defective, side="right") / total
    end = 1 - np.searchsorted(ordered, defective, side="left") / total
    # From start to end the ramp rises from 0 to 1; cut at the limit, it got only so far.
    cut = np.clip(limit, start, end)
    width = end - start
    ramp = np.divide((cut - start) ** 2, 2 * width, out=np.zeros_like(width), where=width > 0)
    # The weights sum to 1 up to rounding, which must not lift the area above it.
    return min(1.0, float(np.sum(weights * (ramp + np.maximum(limit - end, 0))) / limit))
