"""How well a detector's gradient maps find the defective pixels."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from tqdm import tqdm

from irp_lightning.data.images import load_square
from irp_lightning.data.masks import load_mask
from irp_lightning.data.samples import Sample
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.localisation.gradient_maps import gradient_map

__all__ = ["MOST_PIXELS", "Localisation", "aupro", "choose_images", "localise", "pixel_auroc"]

MOST_PIXELS = 256
"""Side up to which maps are kept, in pixels: larger ones are pooled."""


@dataclass(frozen=True)
class Localisation:
    """Maps of some images, beside what they should have found.

    Maps, masks and pictures have the image's side S or, where that is more than ``MOST_PIXELS``, a whole
    fraction of it: maps and pictures are averaged over the pixels that become one, a mask is defective
    where one of them is. The measures are taken at that size.

    Attributes:
        names: The images' names: N.
        defects: Their kinds of defect: N.
        images: (N, 3, s, s), uint8, on the CPU, as all the others.
        maps: (N, s, s), float32, ≥ 0.
        masks: (N, s, s), bool.
        pixel_auroc: See :func:`pixel_auroc`.
        aupro: See :func:`aupro`, up to a false positive rate of 0.3.
    """

    names: list[str]
    defects: list[str]
    images: Tensor
    maps: Tensor
    masks: Tensor
    pixel_auroc: float | None
    aupro: float | None


def localise(
    score: Callable[[Tensor], Tensor],
    extractor: FeatureExtractor,
    samples: Sequence[Sample],
    n_views: int,
    device: torch.device,
) -> Localisation:
    """The gradient maps of some images, and how well they match the masks.

    Args:
        score: A detector's, features (B, V, D) → (B,); differentiable, and on ``device``.
        extractor: What turns images into the detector's features; it is moved to ``device``.
        samples: The images, such as those of :func:`choose_images`; defective ones need a mask.
        n_views: How many fixed views the score is of.
        device: Where gradients are computed.

    Raises:
        ValueError: The score has no gradient, or a defective image no mask.
        InputError: An image or a mask cannot be decoded.
    """
    size, crop = extractor.spec.image_size, extractor.spec.crop
    extractor = extractor.to(device).eval()
    side = size // math.ceil(size / MOST_PIXELS)
    images = torch.empty(len(samples), 3, side, side, dtype=torch.uint8)
    maps, masks = torch.empty(len(samples), side, side), torch.zeros(len(samples), side, side).bool()
    for i, sample in enumerate(tqdm(samples, desc="heat maps", unit="image", disable=None, leave=False)):
        mask, square = load_mask(sample, size, crop), load_square(sample.path, size, crop)
        heat = gradient_map(score, extractor, square.to(device), n_views)
        maps[i] = F.adaptive_avg_pool2d(heat[None], side)[0].cpu()
        masks[i] = F.adaptive_max_pool2d(mask[None].float(), side)[0] > 0
        images[i] = F.adaptive_avg_pool2d(square.float(), side).round().byte()
    return Localisation(
        [sample.name for sample in samples],
        [sample.defect for sample in samples],
        images,
        maps,
        masks,
        pixel_auroc(maps, masks),
        aupro(maps, masks),
    )


def choose_images(samples: Sequence[Sample], count: int | None, seed: int) -> list[int]:
    """Which images to localise; a defective image without a mask is never among them.

    Args:
        samples: The test images.
        count: How many; None for all. Half of them are defective, or more or less where there are too
            few of a kind.
        seed: Of the draw.

    Returns:
        Positions in ``samples``, ascending.

    Raises:
        ValueError: The count is negative.
    """
    bad = [i for i, sample in enumerate(samples) if sample.label and sample.mask is not None]
    good = [i for i, sample in enumerate(samples) if not sample.label]
    if count is None:
        return sorted(bad + good)
    if count < 0:
        raise ValueError(f"count={count} is negative")
    n_bad = min(len(bad), max(math.ceil(count / 2), count - len(good)))
    n_good = min(len(good), count - n_bad)
    draw = random.Random(seed)
    return sorted(draw.sample(bad, n_bad) + draw.sample(good, n_good))


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
