"""The test images of a finished run, for scoring them again by its detector."""

from dataclasses import dataclass
from pathlib import Path

import lightning as L
import torch
from torch import Tensor

from irp_lightning.data.files.content import content_hash
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.features.bank import FeatureBank
from irp_lightning.runs.record import Record

__all__ = ["Tested", "is_of_a_flow", "tested_by"]


@dataclass(frozen=True)
class Tested:
    """A run's detector and what it was tested on.

    Attributes:
        detector: In evaluation mode, on the CPU.
        features: (T, V, D), from the bank.
        labels: (T,), 1: defective.
    """

    detector: L.LightningModule
    features: Tensor
    labels: Tensor

    @torch.no_grad()
    def score(self) -> Tensor:
        """By the detector as it is now: (T,)."""
        return torch.cat([self.detector.score(some) for some in self.features.split(8)])


def is_of_a_flow(run: Record) -> bool:
    """Whether the run's detector is DifferNet."""
    return str(run.config["model"]["_target_"]).endswith(".DifferNet")


def tested_by(run: Record) -> Tested:
    """Load a run's detector, and its test images from the bank."""
    loaded = load_detector(run.folder)
    bank = FeatureBank(Path(run.config["cache_dir"]), loaded.extractor.spec, "float32")
    root = Path(run.config["data"]["root"]) / run.metrics["category"]
    rows = run.scores()
    features = torch.stack([bank.read(content_hash(root / row["path"])) for row in rows])
    return Tested(loaded.detector, features, torch.tensor([int(row["label"]) for row in rows]))
