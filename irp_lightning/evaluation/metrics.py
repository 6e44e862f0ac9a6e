"""How good scores and removals are, given the labels."""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from torch import Tensor

__all__ = ["auroc", "average_precision", "best_f1_threshold", "removal_counts"]


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
    return float(roc_auc_score(labels.numpy(), scores.double().numpy()))


def average_precision(scores: Tensor, labels: Tensor) -> float | None:
    """Average precision, in [0, 1]; arguments as for :func:`auroc`."""
    if labels.unique().numel() < 2:
        return None
    return float(average_precision_score(labels.numpy(), scores.double().numpy()))


def best_f1_threshold(scores: Tensor, labels: Tensor) -> float | None:
    """The score at and above which alarms have the best F1; arguments as for :func:`auroc`.

    Chosen by the labels: no promise for other images.
    """
    if labels.unique().numel() < 2:
        return None
    precision, recall, thresholds = precision_recall_curve(labels.numpy(), scores.double().numpy())
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[f1[:-1].argmax()])


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
