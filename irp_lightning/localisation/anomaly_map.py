"""Anomaly map of an image: the scores of its patches, or else a gradient."""

import math

import lightning as L
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import InterpolationMode, resize

from irp_lightning.detectors.contract import ScoresPatches
from irp_lightning.detectors.scoring import score_batch
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.localisation.gradient_maps import default_sigma, gradient_map, smooth

__all__ = ["anomaly_map", "patch_map"]


def anomaly_map(
    detector: L.LightningModule, extractor: FeatureExtractor, image: Tensor, n_views: int
) -> Tensor:
    """The map of one image: that of its patches' scores, or the gradient of its score.

    Args:
        detector: In evaluation mode, on the extractor's device.
        extractor: What turns images into the detector's features.
        image: (3, H, W), uint8, on that device.
        n_views: How many of the extractor's fixed views the score is of.

    Returns:
        (H, W), float32, at least 0, on that device.

    Raises:
        ValueError: The score has no gradient, and the detector no map.
    """
    if isinstance(detector, ScoresPatches):
        return patch_map(detector, extractor, image)
    return gradient_map(lambda batch: score_batch(detector, batch), extractor, image, n_views)


@torch.no_grad()
def patch_map(detector: ScoresPatches, extractor: FeatureExtractor, image: Tensor) -> Tensor:
    """The scores of an image's patches, brought to its size and smoothed (PatchCore, section 3.3).

    (3, H, W), uint8 → (H, W), float32.
    """
    vectors = extractor(image[None], extractor.angles[None].to(image.device))
    height, width = image.shape[-2:]
    scores = detector.score_map(vectors).view(1, 1, *extractor.spec.patches)
    large = resize(scores, [height, width], InterpolationMode.BILINEAR, antialias=False)
    return smooth(large, default_sigma(math.sqrt(height * width)))[0, 0].clamp_min(0)
