"""Detectors that one pass over the training images fits: no gradient, no epochs."""

from abc import ABC, abstractmethod
from typing import Any

import lightning as L
import torch
from torch import Tensor

__all__ = ["ClosedForm"]


class ClosedForm(L.LightningModule, ABC):
    """Gathers an epoch's features, each image's mean over its views, and is fitted to them at once.

    Each epoch fits anew, so that images removed in between are forgotten. The fit waits for the first
    score: Lightning runs callbacks, which score, before a module's own hook at an epoch's end.

    A subclass keeps what it has learnt in buffers.

    Args:
        dim: Length d of a feature vector.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.automatic_optimization = False
        self._seen: list[Tensor] = []

    @abstractmethod
    def fit(self, features: Tensor) -> None:
        """Learn from the mean features of images, (N, d)."""

    @abstractmethod
    def distance(self, features: Tensor) -> Tensor:
        """How far mean features lie from what was learnt: (B, d) → (B,), at least 0."""

    def on_train_epoch_start(self) -> None:
        self._seen = []

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Gather a batch ``(features (B, V, d), index (B,))``."""
        self._seen.append(batch[0].mean(dim=1))
        # Lightning counts optimiser steps; without this a run would stay at step 0 for its loggers.
        self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.increment_completed()

    def configure_optimizers(self) -> None:
        """There is nothing to optimise."""

    def score(self, batch: Tensor) -> Tensor:
        """Anomaly scores of images, higher is more anomalous: (B, V, d) → (B,)."""
        self._fit_if_needed()
        return self.distance(batch.mean(dim=1))

    def predict_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The scores of a batch ``(features, index)``: (B,)."""
        return self.score(batch[0])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self._seen:  # Lightning has gathered the state before it asks
            self._fit_if_needed()
            checkpoint["state_dict"] = self.state_dict()

    @torch.no_grad()
    def _fit_if_needed(self) -> None:
        if self._seen:
            features = torch.cat(self._seen)
            self._seen = []
            self.fit(features)
