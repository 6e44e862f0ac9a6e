"""Evaluation of a run: scores and removals with the labels that fitting never saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.samples import Sample
from irp_lightning.evaluation.tables import Row
from irp_lightning.localisation.localisation import Localisation
from irp_lightning.refinement.rounds import Round

__all__ = ["OF_LABELS", "Evaluation", "labels_of"]


OF_LABELS = (
    *("noise_achieved", "removed_good", "removed_bad", "removal_precision", "removal_recall"),
    "detection_auroc",
)
"""Figures that are not known where a training image is unlabelled."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The rounds of a run beside the labels.

    Attributes:
        train: The training images, in the order of the rounds' scores: N.
        test: The test images: T.
        rounds: What happened.
        test_scores: (T,), by the final detector.
        figures: The numbers of ``metrics.json``.
        round_rows: Of ``rounds.csv``.
        removed_rows: Of ``removed.csv``.
        score_rows: Of ``scores.csv``.
        localisation: Maps of some test images, where they were asked for.
        removed_maps: (R, h, w), one for each of the removed rows: where the scores that removed them
            come from; None where their scorer does not say.
        bit_depth: What the numbers of deep images mean.
    """

    train: list[Sample]
    test: list[Sample]
    rounds: Sequence[Round]
    test_scores: Tensor
    figures: dict[str, Any]
    round_rows: list[Row]
    removed_rows: list[Row]
    score_rows: list[Row]
    localisation: Localisation | None = None
    removed_maps: Tensor | None = None
    bit_depth: BitDepth | None = None

    @property
    def test_labels(self) -> Tensor:
        """(T,), int64: 1 where a test image is defective."""
        return labels_of(self.test)


def labels_of(samples: Sequence[Sample]) -> Tensor:
    """(len(samples),), int64: 1 where an image is defective."""
    return torch.tensor([sample.label for sample in samples])
