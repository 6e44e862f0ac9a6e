"""Metrics of scores and removals, given the labels."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    binary_precision_recall_curve,
    binary_roc,
)

__all__ = ["auroc", "average_precision", "best_f1_threshold", "removal_counts", "roc_curve"]

DIGITS = 12
"""Decimals of a figure: a sum of many steps is rounded beyond them, and a perfect ranking must be 1."""


def auroc(scores: Tensor, labels: Tensor) -> float | None:
    """Area under the ROC curve, in [0, 1]; ties count half. None unless both kinds of image are there.

    Args:
        scores: (N,), higher is more anomalous.
        labels: (N,), 1 for defective, 0 for normal.

    Raises:
        ValueError: A score is not a finite number.
    """
    if labels.unique().numel() < 2:
        return None
    with _float64():
        return round(binary_auroc(_ranks(scores), labels).item(), DIGITS)


def average_precision(scores: Tensor, labels: Tensor) -> float | None:
    """Average precision, in [0, 1]; arguments as for :func:`auroc`."""
    if labels.unique().numel() < 2:
        return None
    with _float64():
        return round(binary_average_precision(_ranks(scores), labels).item(), DIGITS)


def roc_curve(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor] | None:
    """The false and the true positive rates, (T,) each, ascending; arguments as for :func:`auroc`."""
    if labels.unique().numel() < 2:
        return None
    with _float64():
        false_positive, true_positive, _ = binary_roc(_ranks(scores), labels)
    return false_positive, true_positive


def best_f1_threshold(scores: Tensor, labels: Tensor) -> float | None:
    """The score at and above which alarms have the best F1; arguments as for :func:`auroc`.

    Chosen by the labels: no promise for other images.
    """
    if labels.unique().numel() < 2:
        return None
    with _float64():
        precision, recall, _ = binary_precision_recall_curve(_ranks(scores), labels)
    f1 = (2 * precision * recall / (precision + recall).clamp_min(1e-12))[:-1]
    # Of several best thresholds the lowest.
    return scores.double().unique()[(f1 == f1.max()).nonzero()[0]].item()


def _ranks(scores: Tensor) -> Tensor:
    """The rank of each score, scaled to [0, 1]; equal scores have equal ranks: (N,) → (N,), float64.

    Outside [0, 1] torchmetrics takes scores for logits, and its sigmoid makes large ones equal.
    """
    wrong = scores[~scores.isfinite()]
    if len(wrong):
        raise ValueError(f"{len(wrong)} of {len(scores)} scores are not finite, the first {wrong[0]}")
    values, ranks = scores.double().unique(return_inverse=True)
    return ranks.double() / max(1, len(values) - 1)


@contextmanager
def _float64() -> Iterator[None]:
    """Let torchmetrics divide counts in float64: it takes PyTorch's default, seven digits."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


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
