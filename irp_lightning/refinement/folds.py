"""Folds for scoring each image with a model that never saw it. Pure functions of tensors."""

import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError

__all__ = ["comparable", "draw_folds"]


def draw_folds(groups: Tensor, folds: int, seed: int) -> Tensor:
    """Draw folds of nearly equal size that keep groups together; stratified by nothing else.

    Groups are taken from the largest to the smallest, equally large ones in a seeded random order,
    each into the fold that holds the fewest images so far. (So does scikit-learn's GroupKFold: its other
    draws would part with all that was measured, and took no fewer normal images.)

    Args:
        groups: (N,), int64: the group of each image.
        folds: How many, at least 2.
        seed: Of the draw.

    Returns:
        (N,), int64, in [0, folds).
    """
    _, member, sizes = groups.unique(return_inverse=True, return_counts=True)
    shuffled = torch.randperm(len(sizes), generator=torch.Generator().manual_seed(seed))
    order = shuffled[sizes[shuffled].argsort(descending=True, stable=True)]
    fold_of = torch.empty_like(sizes)
    filled = torch.zeros(folds, dtype=torch.long)
    for group in order.tolist():
        fold = int(filled.argmin())
        fold_of[group] = fold
        filled[fold] += sizes[group]
    return fold_of[member]


def comparable(scores: Tensor, fold: Tensor, active: Tensor) -> Tensor:
    """Put scores by the models of different folds on one scale.

    Each score is divided by the median of its fold's active scores, so that 1 is an ordinary image in
    every fold. A median, since scores of unseen outliers can lie many orders of magnitude above it.

    Args:
        scores: (N,), positive; each by the model of its own fold.
        fold: (N,), int64.
        active: (N,), bool; a fold without any is left as it is.

    Returns:
        (N,), float64.

    Raises:
        InputError: The median of a fold is not positive.
    """
    scores = scores.double()
    result = scores.clone()
    for k in fold.unique():
        reference = scores[(fold == k) & active]
        if not len(reference):
            continue
        median = torch.quantile(reference, 0.5)
        if median <= 0:
            raise InputError(
                f"a fold's median score is {median.item():.4g}: folds are compared by medians, which "
                "must be positive; use a positive score (such as latent), or in-sample scoring"
            )
        result[fold == k] /= median
    return result
