"""Labels join scores here, after everything is trained, and nowhere else."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

__all__ = ["auroc", "average_precision", "removal_counts", "unit_ranks"]


def unit_ranks(scores: Tensor) -> Tensor:
    """Scores → their dense ranks, scaled into [0, 1]; ties stay ties.

    torchmetrics puts scores outside [0, 1] through a sigmoid, which saturates and so makes ties of
    scores that differ; AUROC and AP depend on nothing but the order.

    Args:
        scores: (N,).

    Raises:
        ValueError: A score is not a number: it has no rank.
    """
    if scores.isnan().any():
        raise ValueError(f"{int(scores.isnan().sum())} of {len(scores)} scores are not numbers")
    _, ranks = torch.unique(scores.double(), return_inverse=True)
    return ranks.double() / ranks.max().clamp_min(1)


def auroc(scores: Tensor, labels: Tensor) -> float | None:
    """Area under the ROC curve, in [0, 1]; None unless both kinds of image are there.

    Args:
        scores: (N,), higher is more anomalous.
        labels: (N,), 1 for defective, 0 for normal.
    """
    if labels.unique().numel() < 2:
        return None
    return binary_auroc(unit_ranks(scores), labels.long()).item()


def average_precision(scores: Tensor, labels: Tensor) -> float | None:
    """Average precision, in [0, 1]; None unless both kinds of image are there."""
    if labels.unique().numel() < 2:
        return None
    return binary_average_precision(unit_ranks(scores), labels.long()).item()


def removal_counts(removed: Tensor, labels: Tensor) -> dict[str, Any]:
    """How right the removals were.

    Args:
        removed: (N,), bool: training images removed.
        labels: (N,): of the training images.

    Returns:
        ``removed_good``, ``removed_bad``, ``removal_precision`` (None if nothing was removed) and
        ``removal_recall`` (None if there was no defect).
    """
    bad = int(labels[removed].sum())
    total, defects = int(removed.sum()), int(labels.sum())
    return {
        "removed_good": total - bad,
        "removed_bad": bad,
        "removal_precision": bad / total if total else None,
        "removal_recall": bad / defects if defects else None,
    }
