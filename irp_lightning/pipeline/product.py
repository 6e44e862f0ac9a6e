"""What cleaning a folder leaves behind, besides what every run does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irp_lightning.cleaning.report import Content, render
from irp_lightning.cleaning.similarity import clusters, descriptions, look_alikes, worst_patches
from irp_lightning.cleaning.suspects import (
    CLEAN_COLUMNS,
    SUSPECT_COLUMNS,
    Suspect,
    clean_rows,
    suspect_rows,
    suspects_of,
)
from irp_lightning.data.samples import Sample
from irp_lightning.detectors.checkpoint import add_calibration
from irp_lightning.detectors.conformal import Calibration, calibrate
from irp_lightning.evaluation.metrics import best_f1_threshold
from irp_lightning.pipeline.fitting import Fitted, Fitting
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.ranking import Ranking
from irp_lightning.refinement.scoring import TrainingImages
from irp_lightning.runs.folder import CHECKPOINT, CLEAN, DETECTOR, REPORT, SUSPECTS, RunFolder

__all__ = ["calibration_of", "find_suspects", "write_product"]

ORDINARY = 256
"""Kept images that the mean patch is taken of."""


def calibration_of(
    fitting: Fitting,
    fitted: Fitted,
    cleaning: Cleaning,
    groups: Sequence[int],
    asked: float,
    test_labels: Sequence[int],
    verdicts: Mapping[int, bool],
) -> tuple[Calibration, Tensor]:
    """The threshold of a detector, and the scores that it comes from.

    Args:
        fitting: Fits others like it, each without a fold.
        fitted: The detector.
        cleaning: What it was fitted to.
        groups: The object that each training image shows.
        asked: The false-alarm rate.
        test_labels: (T,), of the test images.
        verdicts: By training image, whether somebody who looked calls it defective. Those that are
            defective are not counted among the removed images that may be good.

    Returns:
        The threshold, and (N,) scores of all training images by detectors that never saw them.
    """
    kept = cleaning.active
    scores = fitting.out_of_sample(kept, groups)
    scores[~kept] = fitted.train_scores[~kept]
    confirmed = torch.tensor([verdicts.get(i, False) for i in range(len(kept))])
    doubtful = ~kept & ~confirmed
    of_kept, of_doubtful = (
        [group for group, is_one in zip(groups, those.tolist(), strict=True) if is_one]
        for those in (kept, doubtful)
    )
    found = calibrate(scores[kept], of_kept, asked, scores[doubtful], of_doubtful)
    best = best_f1_threshold(fitted.test_scores, torch.tensor(test_labels))
    return replace(found, best_f1=best), scores


def find_suspects(
    images: TrainingImages,
    train: Sequence[Sample],
    cleaning: Cleaning,
    ranking: Ranking,
    scores: Tensor,
    verdicts: Mapping[int, bool],
) -> list[Suspect]:
    """All training images in their order of suspicion, with what each looks like.

    Args:
        images: The training images, with their patches.
        train: What they are.
        cleaning: What was removed.
        ranking: Their scores and maps.
        scores: (N,), by detectors that never saw the image.
        verdicts: By training image, whether somebody who looked calls it defective.
    """
    kept = cleaning.active
    removed = [i for i in ranking.order.tolist() if not kept[i]]
    found = torch.zeros(len(removed), dtype=torch.long)
    if removed:
        chosen = torch.tensor(removed)
        worst = worst_patches(images.vectors, chosen, ranking.maps[chosen])
        ordinary = images.vectors(kept.nonzero().flatten()[:ORDINARY]).float().mean(dim=(0, 1)).cpu()
        found = clusters(worst, ordinary)
    alike = look_alikes(descriptions(images.vectors, len(train)), kept)
    return suspects_of(train, cleaning, ranking, alike, found, scores, verdicts)


def write_product(folder: RunFolder, test: Sequence[Sample], content: Content) -> dict[str, Any]:
    """Write the tables, the report and the detector with its threshold.

    Returns:
        What ``metrics.json`` says of it.
    """
    rows = suspect_rows(content.suspects)
    folder.csv(SUSPECTS, SUSPECT_COLUMNS, rows)
    folder.csv(CLEAN, CLEAN_COLUMNS, clean_rows(content.suspects, test))
    folder.text(REPORT, render(content))

    def save(file: Path) -> None:
        add_calibration(folder.path / CHECKPOINT, content.calibration, file)

    folder.write(DETECTOR, save)
    c = content.calibration
    return {
        "suspects": len(rows),
        "kept": len(content.suspects) - len(rows),
        "looks": len(content.looks),
        "threshold": c.threshold,
        "false_alarms_asked": c.asked,
        "false_alarms_promised": c.promised,
        "false_alarms_between": [c.low, c.high],
        "false_alarms_at_most": c.at_most,
        "best_f1_threshold": c.best_f1,
        "calibration_groups": c.groups,
        "review": None if content.review is None else asdict(content.review),
    }
