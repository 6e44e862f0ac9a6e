"""Detectors that one look at the training images fits: no gradient, no epochs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import lightning as L
import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData

__all__ = ["OnePass"]


class OnePass(L.LightningModule, ABC):
    """Is fitted at once, as an epoch begins, to the fixed views or the patches of each active image.

    Each epoch fits anew, so that images removed in between are forgotten. The epoch has no batches. A
    subclass keeps what it has learnt in buffers.

    Args:
        dim: Length D of a feature vector.

    Attributes:
        growing: The names of buffers whose length is known only after a fit; a checkpoint's is taken.
    """

    growing: ClassVar[tuple[str, ...]] = ()
    max_epochs: ClassVar[int] = 1
    reads_batches: ClassVar[bool] = False

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    @abstractmethod
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Learn from images, batch by batch: (B, K, D) each, on the module's device."""

    @abstractmethod
    def score(self, batch: Tensor) -> Tensor:
        """Anomaly scores of images, higher is more anomalous: (B, K, D) → (B,)."""

    @torch.no_grad()
    def on_train_epoch_start(self) -> None:
        """Fit to what is active now.

        Raises:
            TypeError: The trainer's data are no :class:`RefinableData`.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, RefinableData):
            raise TypeError(f"{type(self).__name__} needs a RefinableData, not {type(data).__name__}")
        batches = data.scored_batches(data.train_images[data.active])
        self.fit(features.to(self.device) for features, _ in batches)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """There is nothing left to learn from a batch."""

    def predict_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The scores of a batch ``(features, index)``: (B,)."""
        return self.score(batch[0])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in self.growing:
            if (saved := state_dict.get(prefix + name)) is not None and saved.dim():
                buffer = getattr(self, name)
                setattr(self, name, buffer.new_empty(len(saved), *buffer.shape[1:]))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def configure_optimizers(self) -> None:
        """There is nothing to optimise."""
