"""Shared code of patch detectors: an image is as anomalous as its furthest patches."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from irp_lightning.detectors.one_pass import OnePass

__all__ = ["PatchDetector"]

WORST_PATCHES = 0.01
"""Share of an image's patches, the furthest ones, that its score is the mean of. One alone, PatchCore's
choice, was the worse one on pill and capsule (experiments/robustness)."""


class PatchDetector(OnePass):
    """Scores each place of a picture, and the picture by its worst ones.

    Args:
        dim: Length D of a patch's vector.
    """

    wants: ClassVar[str] = "patches"

    @abstractmethod
    def score_map(self, batch: Tensor) -> Tensor:
        """Anomaly scores of patches: (B, K, D) → (B, K), at least 0."""

    def score(self, batch: Tensor) -> Tensor:
        """The mean of an image's furthest patches: (B, K, D) → (B,)."""
        worst = max(1, round(WORST_PATCHES * batch.shape[1]))
        return self.score_map(batch).topk(worst, dim=1).values.mean(dim=1)
