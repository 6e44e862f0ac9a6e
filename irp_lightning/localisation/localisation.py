"""The maps of some images, beside the masks of what they should have found."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from irp_lightning.data.files.images import load_rgb, square_of
from irp_lightning.data.files.masks import load_mask
from irp_lightning.data.samples import Sample
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.part.frame import carried_back
from irp_lightning.foundation.errors import InputError, WrongValue
from irp_lightning.localisation.anomaly_map import anomaly_map
from irp_lightning.localisation.measures import aupro, pixel_auroc

__all__ = ["MOST_PIXELS", "Localisation", "choose_images", "localise", "localise_some"]

MOST_PIXELS = 256
"""Side up to which maps are kept, in pixels: larger ones are pooled."""


@dataclass(frozen=True, kw_only=True)
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
        pixel_auroc: See :func:`irp_lightning.localisation.measures.pixel_auroc`.
        aupro: See :func:`irp_lightning.localisation.measures.aupro`, up to a false positive rate of 0.3.
    """

    names: list[str]
    defects: list[str]
    images: Tensor
    maps: Tensor
    masks: Tensor
    pixel_auroc: float | None
    aupro: float | None


def localise(
    detector: L.LightningModule,
    extractor: FeatureExtractor,
    samples: Sequence[Sample],
    n_views: int,
    device: torch.device,
) -> Localisation:
    """The maps of some images, and how well they match the masks.

    Args:
        detector: In evaluation mode, on ``device``.
        extractor: What turns images into the detector's features; it is moved to ``device``.
        samples: The images, such as those of :func:`choose_images`; defective ones need a mask.
        n_views: How many fixed views the score is of.
        device: Where maps are computed.

    Raises:
        ValueError: The score has no gradient, and the detector no map; or a defective image no mask.
        InputError: An image or a mask cannot be decoded.
    """
    size, crop, numbers = extractor.spec.image_size, extractor.spec.crop, extractor.spec.numbers
    extractor = extractor.to(device).eval()
    side = size // math.ceil(size / MOST_PIXELS)
    images = torch.empty(len(samples), 3, side, side, dtype=torch.uint8)
    maps, masks = torch.empty(len(samples), side, side), torch.zeros(len(samples), side, side).bool()
    for i, sample in enumerate(tqdm(samples, desc="heat maps", unit="image", disable=None, leave=False)):
        mask = load_mask(sample, size, crop)
        picture = load_rgb(sample.path, numbers)
        shown, frame = extractor.shown(picture)
        heat = anomaly_map(detector, extractor, shown.to(device), n_views).cpu()
        # Masks are of the whole picture: a defect beside what is shown is one that was missed.
        heat = carried_back(heat[None], frame, (size, size))[0]
        maps[i] = F.adaptive_avg_pool2d(heat[None], side)[0]
        masks[i] = F.adaptive_max_pool2d(mask[None].float(), side)[0] > 0
        images[i] = F.adaptive_avg_pool2d(square_of(picture, size, crop).float(), side).round().byte()
    return Localisation(
        names=[sample.name for sample in samples],
        defects=[sample.defect for sample in samples],
        images=images,
        maps=maps,
        masks=masks,
        pixel_auroc=pixel_auroc(maps, masks),
        aupro=aupro(maps, masks),
    )


def localise_some(
    detector: L.LightningModule,
    extractor: FeatureExtractor,
    samples: Sequence[Sample],
    *,
    count: int | None,
    seed: int,
    n_views: int,
    device: torch.device,
) -> Localisation:
    """Maps of ``count`` test images, see :func:`choose_images`.

    Raises:
        WrongValue: The detector's score has no gradient.
        InputError: An image or a mask cannot be decoded.
    """
    chosen = [samples[i] for i in choose_images(samples, count, seed)]
    try:
        return localise(detector.eval(), extractor, chosen, n_views, device)
    except InputError:  # a ValueError, too
        raise
    except ValueError as error:
        raise WrongValue("localise", count, f"cannot be had: {error}; set localise=0") from error


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
