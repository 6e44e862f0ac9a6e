"""Nearest neighbours among feature vectors as a detector."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from irp_lightning.detectors.config import NearestConfig
from irp_lightning.detectors.one_pass import OnePass
from irp_lightning.foundation.fields import load

__all__ = ["Nearest"]

SAME = 1e-5
"""Vectors nearer than this share of their length are the same image."""


class Nearest(OnePass):
    """The mean distance to the nearest training images is anomalous.

    Bergman, Cohen & Hoshen: *Deep nearest neighbor anomaly detection*, 2020. An image is no neighbour
    of itself: training vectors equal to its own are passed over, or every training image would score 0.

    Args:
        dim: Length D of a feature vector.
        **arguments: The fields of :class:`~irp_lightning.detectors.config.NearestConfig`.
    """

    growing: ClassVar[tuple[str, ...]] = ("references",)
    references: Tensor

    def __init__(self, dim: int, **arguments: Any) -> None:
        super().__init__(dim)
        self.save_hyperparameters()
        self.neighbours = load(NearestConfig, arguments).neighbours
        self.register_buffer("references", torch.zeros(0, dim))

    def fit(self, batches: Iterable[Tensor]) -> None:
        self.references = torch.cat([batch.mean(dim=1) for batch in batches])

    def score(self, batch: Tensor) -> Tensor:
        """Mean Euclidean distance of the mean over the views to the nearest: (B, K, D) → (B,)."""
        features = batch.mean(dim=1)
        # In float64, so that rounding leaves an image no further than this from itself.
        apart = torch.cdist(features.double(), self.references.double()).float()
        itself = apart < SAME * features.norm(dim=1, keepdim=True)
        count = min(self.neighbours, apart.shape[1])
        nearest = apart.masked_fill(itself, torch.inf).topk(count, dim=1, largest=False).values
        # Where all that is left are copies of the image itself, nothing speaks against it.
        counted = torch.arange(count, device=apart.device) < (~itself).sum(dim=1, keepdim=True)
        return nearest.where(counted, 0.0).sum(dim=1) / counted.sum(dim=1).clamp_min(1)
