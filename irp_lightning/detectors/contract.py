"""What a detector is.

A detector is a LightningModule that Lightning trains on batches ``(features (B, K, D), index (B,))``,
and that scores images by :class:`Detector`'s one method. It is made as ``Class(dim=D, **arguments)``,
with plain values as arguments, and keeps what it has learnt in its parameters and buffers: a checkpoint
rebuilds it from its arguments and its state. It never sees a label.

A detector may have a class attribute ``max_epochs``: the epochs after which training changes no more.
"""

from typing import Protocol

from torch import Tensor, nn

__all__ = ["Detector", "epochs_of", "has_gradient"]


class Detector(Protocol):
    """All that is asked of a LightningModule besides what Lightning asks."""

    def score(self, batch: Tensor) -> Tensor:
        """Anomaly scores of images, higher is more anomalous: (B, K, D) → (B,)."""
        ...


def epochs_of(detector: nn.Module | type[nn.Module], asked: int) -> int:
    """The epochs that training takes: ``asked``, or fewer where more would change nothing."""
    return min(asked, getattr(detector, "max_epochs", asked))


def has_gradient(module: nn.Module) -> bool:
    """Whether gradients train it: without one there is nothing for several processes to share."""
    return any(parameter.requires_grad for parameter in module.parameters())
