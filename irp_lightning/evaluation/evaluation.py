"""What a run found out: scores and removals beside the labels that fitting never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from irp_lightning.data.contamination import TrainingPool
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.samples import Sample
from irp_lightning.evaluation.metrics import auroc, average_precision, removal_counts
from irp_lightning.evaluation.separation import separation
from irp_lightning.evaluation.tables import Row, removed_rows, round_rows, score_rows
from irp_lightning.localisation.localisation import Localisation
from irp_lightning.pipeline.fitting import Fitted
from irp_lightning.refinement.rounds import Round

__all__ = ["Evaluation", "evaluate"]


OF_LABELS = (
    *("noise_achieved", "removed_good", "removed_bad", "removal_precision", "removal_recall"),
    "detection_auroc",
)
"""Figures that are not known where a training image is unlabelled."""


@dataclass(frozen=True)
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
        return _labels(self.test)


def evaluate(
    images: Dataset,
    pool: TrainingPool,
    fitted: Fitted,
    references: Mapping[str, Tensor] | None = None,
    localisation: Localisation | None = None,
) -> Evaluation:
    """Join labels to what was found.

    Args:
        images: What was read.
        pool: What was trained and tested on.
        fitted: The detector, and what happened.
        references: (T,) each: test scores of ``vanilla`` training and of the ``oracle``, if there are.
        localisation: Maps of some test images.
    """
    rounds, test_scores = fitted.rounds, fitted.test_scores
    train = pool.of(images.samples)
    test = [images.samples[i] for i in pool.test]
    labels, test_labels = _labels(train), _labels(test)
    unlabelled = sum(sample.known_label is None for sample in train)
    removed = torch.stack([r.removed for r in rounds]).any(dim=0)
    areas = {name: auroc(scores, test_labels) for name, scores in (references or {}).items()}
    vanilla, oracle = areas.get("vanilla"), areas.get("oracle")
    rows = round_rows(rounds, None if unlabelled else labels, test_labels, vanilla, oracle)
    figures = {
        "image_auroc": auroc(test_scores, test_labels),
        "image_ap": average_precision(test_scores, test_labels),
        "pixel_auroc": localisation and localisation.pixel_auroc,
        "aupro": localisation and localisation.aupro,
        "localised_images": len(localisation.names) if localisation else 0,
        "noise_achieved": pool.noise,
        "removed": int(removed.sum()),
        **removal_counts(removed, labels),
        # Of the training images in the first round.
        "detection_auroc": rows[0]["detection_auroc"],
        "vanilla_auroc": vanilla,
        "oracle_auroc": oracle,
        "gap_closure": rows[-1]["gap_closure"],
        "rounds": len(rounds) - 1,
        "converged": fitted.converged,
        "epochs_trained": fitted.epochs,
        "separation": separation(fitted.train_scores, removed),
        "train_images": len(train),
        "unlabelled_images": unlabelled,
        "test_images": len(test),
    }
    if unlabelled:
        figures |= dict.fromkeys(OF_LABELS)
    return Evaluation(
        train,
        test,
        rounds,
        test_scores,
        figures,
        rows,
        removed_rows(rounds, train),
        score_rows(test, test_scores),
        localisation,
        fitted.maps,
        images.bit_depth,
    )


def _labels(samples: Sequence[Sample]) -> Tensor:
    return torch.tensor([sample.label for sample in samples])
