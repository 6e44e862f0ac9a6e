"""Labels join scores here, after everything is trained, and nowhere else."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from irp_lightning.data.samples import Sample
from irp_lightning.refinement.iterative import Round

__all__ = ["auroc", "average_precision", "removal_counts", "removed_rows", "round_rows", "unit_ranks"]


def unit_ranks(scores: Tensor) -> Tensor:
    """Scores → their dense ranks, scaled into [0, 1]; ties stay ties.

    torchmetrics puts scores outside [0, 1] through a sigmoid, which saturates and so makes ties of
    scores that differ; AUROC and AP depend on nothing but the order.

    Args:
        scores: (N,), finite.
    """
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


def round_rows(rounds: Sequence[Round], labels: Tensor, test_labels: Tensor) -> list[dict[str, Any]]:
    """The rows of ``rounds.csv``.

    Args:
        rounds: What the callback recorded.
        labels: (N,), of the training images.
        test_labels: (T,), of the test images.
    """
    rows = []
    for r in rounds:
        scores = r.scores[r.active].double()
        bad = int(labels[r.removed].sum())
        rows.append(
            {
                "round": r.number,
                "active": int(r.active.sum()),
                "removed_good": int(r.removed.sum()) - bad,
                "removed_bad": bad,
                "median": torch.quantile(scores, 0.5).item(),
                "threshold": r.threshold,
                "max_score": scores.max().item(),
                "image_auroc": auroc(r.test_scores, test_labels),
                "seconds": round(r.seconds, 3),
            }
        )
    return rows


def removed_rows(rounds: Sequence[Round], samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The rows of ``removed.csv``: in each round, the highest score first.

    Args:
        rounds: What the callback recorded.
        samples: The training images.
    """
    rows = []
    for r in rounds:
        indices = r.removed.nonzero().flatten().tolist()
        for i in sorted(indices, key=lambda i: -r.scores[i].nan_to_num(0.0).item()):
            score = r.scores[i].item()
            rows.append(
                {
                    "path": samples[i].name,
                    "label": samples[i].label,
                    "defect": samples[i].defect,
                    "round": r.number,
                    "score": None if score != score else score,  # the oracle removes unscored
                    "threshold": r.threshold,
                }
            )
    return rows
