"""Suspects and what is kept, as rows: ``suspects.csv`` and ``clean.csv``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irp_lightning.data.samples import Sample
from irp_lightning.foundation.amounts import counted, told_apart
from irp_lightning.foundation.names import printable
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.ranking import Ranking
from irp_lightning.refinement.rounds import Round

__all__ = [
    *("CLEAN_COLUMNS", "SUSPECT_COLUMNS", "Suspect"),
    *("clean_rows", "removed_names", "suspect_rows", "suspects_of"),
]

FIGURES = ("final_score", "percentile", "round", "cluster")
SUSPECT_COLUMNS = ("path", "grade", *FIGURES, "look_alike", "detector_score", "why")
CLEAN_COLUMNS = ("image_path", "label_index", "split", "final_score", "detector_score")


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A training image and why it is suspected, or is not.

    Attributes:
        index: Its position among the training images.
        sample: The image.
        rank: From 0, the most suspicious of all training images first.
        final_score: Against what the removal had kept in the end; 1 is an ordinary image. The score at
            the moment of removal is another one, in ``removed.csv``.
        percentile: The share of kept images that score lower, in percent.
        round: In which it was removed; None where it is kept.
        look_alike: The kept image that it is most like.
        cluster: Suspects of one number look alike where they stand out; None where it is kept.
        detector_score: By a detector that never saw it.
        why: Why it was removed or kept where its rank does not say so; empty where it does.
        grade: ``sure``: removed, with few good ones among its like; ``likely``: worth a look, but kept
            unless ``refine.rule.remove=likely``; empty for the rest.
    """

    index: int
    sample: Sample
    rank: int
    final_score: float
    percentile: float
    round: int | None
    look_alike: Sample
    cluster: int | None
    detector_score: float
    why: str = ""
    grade: str = ""

    @property
    def is_kept(self) -> bool:
        """True if the image was trained on."""
        return self.cluster is None


def suspects_of(
    train: Sequence[Sample],
    cleaning: Cleaning,
    ranking: Ranking,
    look_alikes: Tensor,
    clusters: Tensor,
    scores: Tensor,
    verdicts: Mapping[int, bool],
    likely: Tensor,
) -> list[Suspect]:
    """All training images, the most suspicious first.

    Args:
        train: The training images: N.
        cleaning: What was removed.
        ranking: Their scores.
        look_alikes: (N,), int64.
        clusters: (R,), of the removed ones, the most suspicious first.
        scores: (N,), by detectors that never saw the image.
        verdicts: By training image, whether somebody who looked calls it defective.
        likely: (N,), bool: images that are worth a look.
    """
    kept = ranking.scores[cleaning.active].sort().values
    lower = torch.searchsorted(kept, ranking.scores)
    rounds = {i: r for r in cleaning.rounds for i in r.removed.nonzero().flatten().tolist()}
    higher = len(kept) - torch.searchsorted(kept, ranking.scores, right=True)
    rows, numbers = [], iter(clusters.tolist())
    for place, i in enumerate(ranking.order.tolist()):
        is_kept, removal = bool(cleaning.active[i]), rounds.get(i)
        if is_kept:
            why = _why_kept(train[i], verdicts.get(i))
        else:
            why = _why_removed(i, removal, int(higher[i]), verdicts.get(i))
        rows.append(
            Suspect(
                index=i,
                sample=train[i],
                rank=place,
                final_score=ranking.scores[i].item(),
                percentile=100 * lower[i].item() / len(kept),
                round=None if removal is None else removal.number,
                look_alike=train[int(look_alikes[i])],
                cluster=None if is_kept else next(numbers),
                detector_score=scores[i].item(),
                why=why,
                grade=_grade(is_kept, bool(likely[i]), train[i], verdicts.get(i)),
            )
        )
    return rows


def _grade(is_kept: bool, is_likely: bool, sample: Sample, verdict: bool | None) -> str:
    if verdict is not None or sample.trusted:  # somebody has looked
        return "" if is_kept else "sure"
    if is_likely:
        return "likely"
    return "" if is_kept else "sure"


def _why_kept(sample: Sample, verdict: bool | None) -> str:
    if verdict is not None:
        return "marked normal in the review"
    return "trusted" if sample.trusted else ""


def _why_removed(image: int, removal: Round | None, higher: int, verdict: bool | None) -> str:
    """Empty for a suspect that no kept image outranks.

    Args:
        image: Its position.
        removal: The round in which it was removed.
        higher: How many kept images score higher in the end.
        verdict: What somebody says of it.
    """
    if verdict is not None:
        return "marked defective in the review"
    if not higher or removal is None or removal.threshold is None:
        return ""
    score = removal.scores[image].item()
    above = "above" if score > removal.threshold else "at"
    told, threshold = told_apart(score, removal.threshold)
    return (
        f"removed in round {removal.number} with score {told} {above} the threshold {threshold}; "
        f"{counted(higher, 'kept image')} score{'s' if higher == 1 else ''} higher now"
    )


def suspect_rows(suspects: Sequence[Suspect]) -> list[dict[str, Any]]:
    """The rows of ``suspects.csv``: images removed or worth a look, the most suspicious first."""
    return [
        {
            "path": s.sample.name,
            "grade": s.grade,
            **{name: getattr(s, name) for name in FIGURES},
            "look_alike": s.look_alike.name,
            "detector_score": s.detector_score,
            "why": s.why,
        }
        for s in suspects
        if s.grade
    ]


def removed_names(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The names of removed images among the rows of ``suspects.csv``, in their order."""
    return [row["path"] for row in rows if row["cluster"]]


def clean_rows(suspects: Sequence[Suspect], test: Sequence[Sample]) -> list[dict[str, Any]]:
    """The rows of ``clean.csv``, anomalib's Tabular format: what is kept, and labelled test images.

    The ``label_index`` 0 of a training image means that it was kept, as that format has no other word;
    nobody may have labelled it.

    Paths are absolute, so that anything trains on it from anywhere. Those that are no UTF-8 stand as
    :func:`~irp_lightning.foundation.names.printable` writes them.
    """
    kept = sorted((s for s in suspects if s.is_kept), key=lambda s: s.sample.name)
    return [
        *(_row(s.sample.path, 0, "train", s.final_score, s.detector_score) for s in kept),
        *(_row(sample.path, sample.label, "test", None, None) for sample in test),
    ]


def _row(path: Path, *values: float | str | None) -> dict[str, Any]:
    return dict(zip(CLEAN_COLUMNS, (printable(path.absolute()), *values), strict=True))
