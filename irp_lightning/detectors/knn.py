"""Nearest neighbours among feature vectors as a detector."""

from typing import Any

import torch
from torch import Tensor

from irp_lightning.detectors.closed_form import ClosedForm

__all__ = ["KNN"]

SAME = 1e-5
"""Vectors nearer than this share of their length are the same image."""


class KNN(ClosedForm):
    """The mean distance to the nearest training images is anomalous.

    Bergman, Cohen & Hoshen: *Deep nearest neighbor anomaly detection*, 2020. An image is no neighbour
    of itself: training vectors equal to its own are passed over, or every training image would score 0.

    Args:
        dim: Length d of a feature vector.
        neighbours: How many; fewer where there are fewer.
    """

    bank: Tensor

    def __init__(self, dim: int, neighbours: int = 1) -> None:
        super().__init__(dim)
        self.save_hyperparameters()
        self.neighbours = neighbours
        self.register_buffer("bank", torch.zeros(0, dim))

    def fit(self, features: Tensor) -> None:
        self.bank = features.clone()

    def distance(self, features: Tensor) -> Tensor:
        """Mean Euclidean distance to the nearest: (B, d) → (B,)."""
        # In float64, so that rounding leaves an image no further than this from itself.
        apart = torch.cdist(features.double(), self.bank.double()).float()
        itself = apart < SAME * features.norm(dim=1, keepdim=True)
        apart = apart.masked_fill(itself, torch.inf)
        nearest = apart.topk(min(self.neighbours, apart.shape[1]), dim=1, largest=False).values
        finite = nearest.isfinite()
        # Where all that is left are copies of the image itself, nothing speaks against it.
        return nearest.where(finite, 0.0).sum(dim=1) / finite.sum(dim=1).clamp_min(1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # The bank has as many rows as there were images.
        if prefix + "bank" in state_dict:
            self.bank = torch.empty_like(state_dict[prefix + "bank"], device=self.bank.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)
