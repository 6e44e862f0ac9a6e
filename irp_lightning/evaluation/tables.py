"""Scores and removals beside the labels: rows of a run's tables."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from irp_lightning.data.samples import Sample
from irp_lightning.evaluation.gap_closure import gap_closure
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.refinement.rounds import Round

__all__ = [
    "REMOVED_COLUMNS",
    "ROUND_COLUMNS",
    "SCORE_COLUMNS",
    "removed_rows",
    "round_rows",
    "score_rows",
]

Row = dict[str, Any]

ROUND_COLUMNS = (
    "round",
    "active",
    "removed",
    "removed_good",
    "removed_bad",
    "median",
    "threshold",
    "max_score",
    "detection_auroc",
    "image_auroc",
    "gap_closure",
    "seconds",
)
REMOVED_COLUMNS = ("path", "label", "defect", "round", "score", "threshold")
SCORE_COLUMNS = ("path", "label", "defect", "score")


def score_rows(test: Sequence[Sample], scores: Tensor) -> list[Row]:
    """The test images with their scores: (len(test),)."""
    return [
        {"path": s.name, "label": s.label, "defect": s.defect, "score": score}
        for s, score in zip(test, scores.tolist(), strict=True)
    ]


def round_rows(
    rounds: Sequence[Round],
    labels: Tensor | None,
    test_labels: Tensor,
    vanilla: float | None = None,
    oracle: float | None = None,
) -> list[Row]:
    """The rows of ``rounds.csv``.

    Args:
        rounds: What happened.
        labels: (N,), of the training images; None where one of them is unlabelled: what was removed is
            counted, and whether that was right is not known.
        test_labels: (T,), of the test images.
        vanilla: Image AUROC of vanilla training with the same seeds, where it is known.
        oracle: Of the oracle.
    """
    rows = []
    for r in rounds:
        scores = r.scores[r.active].double()
        removed = int(r.removed.sum())
        bad = None if labels is None else int(labels[r.removed].sum())
        # Before a detector is fitted there is nothing to test.
        area = None if r.test_scores is None else auroc(r.test_scores, test_labels)
        rows.append(
            {
                "round": r.number,
                "active": int(r.active.sum()),
                "removed": removed,
                "removed_good": None if bad is None else removed - bad,
                "removed_bad": bad,
                "median": torch.quantile(scores, 0.5).item(),
                "threshold": r.threshold,
                "max_score": scores.max().item(),
                "detection_auroc": None if labels is None else auroc(scores, labels[r.active]),
                "image_auroc": area,
                "gap_closure": gap_closure(area, vanilla, oracle),
                "seconds": round(r.seconds, 3),
            }
        )
    return rows


def removed_rows(rounds: Sequence[Round], samples: Sequence[Sample]) -> list[Row]:
    """The rows of ``removed.csv``: in each round, the highest score first.

    An unlabelled image has no label.

    Args:
        rounds: What happened.
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
                    "label": samples[i].known_label,
                    "defect": samples[i].defect,
                    "round": r.number,
                    "score": None if score != score else score,  # the oracle removes unscored
                    "threshold": r.threshold,
                }
            )
    return rows
