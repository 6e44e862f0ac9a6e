"""Suspects and what is kept, as rows: ``suspects.csv`` and ``clean.csv``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irp_lightning.data.samples import Sample
from irp_lightning.foundation.names import printable
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.ranking import Ranking

__all__ = ["CLEAN_COLUMNS", "SUSPECT_COLUMNS", "Suspect", "clean_rows", "suspect_rows", "suspects_of"]

SUSPECT_COLUMNS = ("path", "score", "percentile", "round", "cluster", "look_alike", "detector_score")
CLEAN_COLUMNS = ("image_path", "label_index", "split", "score", "detector_score")


@dataclass(frozen=True)
class Suspect:
    """A training image and why it is suspected, or is not.

    Attributes:
        index: Its position among the training images.
        sample: The image.
        rank: From 0, the most suspicious of all training images first.
        score: Against what was kept; 1 is an ordinary image.
        percentile: The share of kept images that score lower, in percent.
        round: In which it was removed; None where it is kept.
        look_alike: The kept image that it is most like.
        cluster: Suspects of one number look alike where they stand out; None where it is kept.
        detector_score: By a detector that never saw it.
    """

    index: int
    sample: Sample
    rank: int
    score: float
    percentile: float
    round: int | None
    look_alike: Sample
    cluster: int | None
    detector_score: float

    @property
    def is_kept(self) -> bool:
        """Whether it was trained on."""
        return self.cluster is None


def suspects_of(
    train: Sequence[Sample],
    cleaning: Cleaning,
    ranking: Ranking,
    look_alikes: Tensor,
    clusters: Tensor,
    scores: Tensor,
) -> list[Suspect]:
    """All training images, the most suspicious first.

    Args:
        train: The training images: N.
        cleaning: What was removed.
        ranking: Their scores.
        look_alikes: (N,), int64.
        clusters: (R,), of the removed ones, the most suspicious first.
        scores: (N,), by detectors that never saw the image.
    """
    kept = ranking.scores[cleaning.active].sort().values
    lower = torch.searchsorted(kept, ranking.scores)
    rounds = {i: r.number for r in cleaning.rounds for i in r.removed.nonzero().flatten().tolist()}
    rows, numbers = [], iter(clusters.tolist())
    for place, i in enumerate(ranking.order.tolist()):
        is_kept = bool(cleaning.active[i])
        rows.append(
            Suspect(
                i,
                train[i],
                place,
                ranking.scores[i].item(),
                100 * lower[i].item() / len(kept),
                None if is_kept else rounds.get(i),
                train[int(look_alikes[i])],
                None if is_kept else next(numbers),
                scores[i].item(),
            )
        )
    return rows


def suspect_rows(suspects: Sequence[Suspect]) -> list[dict[str, Any]]:
    """The rows of ``suspects.csv``: what was removed, the most suspicious first."""
    return [
        {
            "path": s.sample.name,
            "score": round(s.score, 6),
            "percentile": round(s.percentile, 2),
            "round": s.round,
            "cluster": s.cluster,
            "look_alike": s.look_alike.name,
            "detector_score": s.detector_score,
        }
        for s in suspects
        if not s.is_kept
    ]


def clean_rows(suspects: Sequence[Suspect], test: Sequence[Sample]) -> list[dict[str, Any]]:
    """The rows of ``clean.csv``, anomalib's Tabular format: what is kept, and labelled test images.

    Paths are absolute, so that anything trains on it from anywhere. Those that are no UTF-8 stand as
    :func:`~irp_lightning.foundation.names.printable` writes them.
    """
    kept = sorted((s for s in suspects if s.is_kept), key=lambda s: s.sample.name)
    return [
        *(_row(s.sample.path, 0, "train", round(s.score, 6), s.detector_score) for s in kept),
        *(_row(sample.path, sample.label, "test", None, None) for sample in test),
    ]


def _row(path: Path, *values: float | str | None) -> dict[str, Any]:
    return dict(zip(CLEAN_COLUMNS, (printable(path.absolute()), *values), strict=True))
