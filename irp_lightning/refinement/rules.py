"""Which images to remove, given the scores of all active ones. Pure functions of tensors.

Paper, section 3 and Algorithm 1.
"""

import torch
from torch import Tensor

from irp_lightning.errors import InputError

__all__ = ["MIN_IMAGES", "REMOVALS", "above", "lambda_median", "limit", "worst_above"]

MIN_IMAGES = 3
"""Fewer images cannot be judged: the median of two is no estimate of what is normal."""


def lambda_median(scores: Tensor, lam: float) -> float:
    """The paper's threshold, λ × median of the scores (Eq. 5).

    Args:
        scores: (N,), of the active images.
        lam: λ > 0.

    Raises:
        InputError: The median is not positive, so that a multiple of it says nothing about what is
            far above it.
    """
    median = torch.quantile(scores.double(), 0.5).item()
    if median <= 0:
        raise InputError(
            f"the median score is {median:.4g}: λ × median needs a positive one; use "
            "model.score=latent, which always is"
        )
    return lam * median


def above(scores: Tensor, threshold: float) -> Tensor:
    """Every image above the threshold (Eq. 6): (N,) → (N,), bool."""
    return scores.double() > threshold


def worst_above(scores: Tensor, threshold: float) -> Tensor:
    """The single highest-scoring image, if it is above the threshold (Algorithm 1).

    Of several equally high the first one: (N,) → (N,), bool.
    """
    return limit(above(scores, threshold), scores, 1)


def limit(remove: Tensor, scores: Tensor, most: int) -> Tensor:
    """Keep a removal within a budget: of the images to remove, the ``most`` highest-scoring.

    Args:
        remove: (N,), bool.
        scores: (N,).
        most: At least 0.

    Returns:
        (N,), bool, a subset of ``remove``; ties are decided by position.
    """
    ranked = torch.argsort(scores.double(), descending=True, stable=True)
    chosen = ranked[remove[ranked]][: max(0, most)]
    return torch.zeros_like(remove).scatter_(0, chosen, True)


REMOVALS = {"worst": worst_above, "all": above}
