"""Anomaly maps from the gradient of a detector's score.

Rudolph, Wandt, Rosenhahn: *Same Same But DifferNet*, WACV 2021, section 3.4: the score of an image is
propagated back to the pixels of its views; each view's gradient is smoothed, rotated back, and its
absolute values are averaged over the views. (DifferNet's code also squares the result, for the eye.)
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from torchvision.transforms.v2.functional import gaussian_blur

from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.views import rotate

__all__ = ["SIGMA_SHARE", "default_sigma", "gradient_map", "merge_views", "smooth", "view_gradients"]

SIGMA_SHARE = 1 / 56
"""The default sigma, of the image's side: 4 px of 224. A choice; DifferNet's code has 3 px of 448."""

VIEWS_PER_PASS = 2
"""Views that go through the backbone at once: little memory, yet not torch's slow way for one."""


def default_sigma(size: float) -> float:
    """The Gaussian's standard deviation for images of ``size`` pixels a side, in pixels."""
    return size * SIGMA_SHARE


def gradient_map(
    score: Callable[[Tensor], Tensor],
    extractor: FeatureExtractor,
    image: Tensor,
    n_views: int,
    sigma: float | None = None,
) -> Tensor:
    """Influence of each pixel of an image on its anomaly score.

    Args:
        score: A detector's, features (B, V, D) → (B,); differentiable, and on the extractor's device.
        extractor: What turns images into the detector's features.
        image: (3, S, S), uint8, on the extractor's device.
        n_views: How many of the extractor's fixed views the score is of.
        sigma: Of the smoothing, in pixels; 0 smooths nothing, None is :func:`default_sigma`.

    Returns:
        (S, S), float32, ≥ 0, on the extractor's device; in units of the score per standard deviation of
        a pixel's channel. Zero where no view saw the pixel.

    Raises:
        ValueError: The score has no gradient, there are not so many views, or sigma is negative.
    """
    angles = extractor.angles[:n_views]
    if not 1 <= n_views <= len(extractor.angles):
        raise ValueError(f"n_views={n_views} is not from 1 to the extractor's {len(extractor.angles)}")
    sigma = default_sigma(image.shape[-1]) if sigma is None else sigma
    return merge_views(view_gradients(score, extractor, image, angles), angles, sigma)


def view_gradients(
    score: Callable[[Tensor], Tensor], extractor: FeatureExtractor, image: Tensor, angles: Tensor
) -> Tensor:
    """The gradient of an image's score with respect to what the backbone sees of each view.

    That is after rotation and normalisation, as in the original. The backbone runs in float32: in half
    precision small gradients would vanish. Nothing accumulates in any parameter.

    Args:
        score: Features (1, V, D) → (1,).
        extractor: What turns images into features.
        image: (3, S, S), uint8.
        angles: (V,), degrees.

    Returns:
        (V, 3, S, S), float32.

    Raises:
        ValueError: The score has no gradient.
    """
    # A caller may have switched gradients off, as for scoring.
    with torch.inference_mode(False), torch.enable_grad():
        views = extractor.views(image[None], angles[None]).requires_grad_()
        # The activations of few views are held at a time, and computed once more on the way back.
        passes = views.split(VIEWS_PER_PASS)
        parts = [checkpoint(extractor.describe, some, use_reentrant=False) for some in passes]
        total = score(torch.cat(parts)[None]).sum()
        if not total.requires_grad:
            raise ValueError("this detector's score has no gradient: it it cannot give gradient maps")
        (gradients,) = torch.autograd.grad(total, views)
    return gradients


def merge_views(gradients: Tensor, angles: Tensor, sigma: float) -> Tensor:
    """Smooth the views' gradients, rotate their absolute values back and average them.

    A pixel near a corner left the square in some views: its average is over those that saw it.

    Args:
        gradients: (V, C, S, S).
        angles: (V,), degrees: how each view was rotated.
        sigma: Of the Gaussian, in pixels.

    Returns:
        (S, S), ≥ 0: absolute values summed over channels.
    """
    # Smoothed while they have signs, as in the original's code: a strided layer's alternating gradients
    # cancel, and it finds defects a little better than smoothing absolute values does.
    heat = smooth(gradients, sigma).abs().sum(dim=1, keepdim=True)
    both = torch.cat([heat, torch.ones_like(heat)], dim=1)
    heat, seen = rotate(both, -angles[:, None], "bilinear", "zeros").sum(dim=(0, 1))
    # Less than a thousandth of one view is interpolation's rim, not something seen.
    return torch.where(seen > 1e-3, heat / seen.clamp_min(1e-3), 0)


def smooth(images: Tensor, sigma: float) -> Tensor:
    """Gaussian smoothing, mirrored at the edges: (B, C, H, W), sigma in pixels; 0 changes nothing.

    Raises:
        ValueError: Sigma is negative or not a number.
    """
    if not 0 <= sigma < math.inf:
        raise ValueError(f"sigma={sigma} is not a number of pixels from 0 up")
    if sigma == 0:
        return images
    # A line and then a column: a square kernel, torchvision's for both, is two to five times slower.
    for axis in (0, 1):
        kernel = [1, 1]
        # Mirroring reaches no further than the image.
        kernel[axis] = 2 * min(math.ceil(3 * sigma), images.shape[-1 - axis] - 1) + 1
        images = gaussian_blur(images, kernel, [sigma, sigma])
    return images
