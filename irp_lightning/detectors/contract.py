"""The interface of a detector.

A detector is a LightningModule that Lightning trains on batches ``(features (B, K, D), index (B,))``,
and that scores images by :class:`Detector`'s one method. It is made as ``Class(dim=D, **arguments)``,
with plain values as arguments, and keeps what it has learnt in its parameters and buffers: a checkpoint
rebuilds it from its arguments and its state. It never sees a label.

A detector may have a class attribute ``max_epochs``: the epochs after which training changes no more;
``reads_batches = False``, where it fits itself as an epoch begins and the epoch needs no batch;
and ``wants = "patches"``: K is then the places of one picture, row by row, and not rotated views of it.
Such a one may also have ``score_map``: the score of each place. A class method
``check_size(dim, n_vectors, **arguments)`` may refuse what it cannot be fitted to, before features are
extracted.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

__all__ = ["Detector", "ScoresPatches", "epochs_of", "has_gradient", "wants_patches"]


class Detector(Protocol):
    """All that is asked of a LightningModule besides what Lightning asks."""

    def score(self, batch: Tensor) -> Tensor:
        """Anomaly scores of images, higher is more anomalous: (B, K, D) → (B,)."""
        ...


@runtime_checkable
class ScoresPatches(Protocol):
    """A detector that says which places of a picture its score comes from."""

    def score_map(self, batch: Tensor) -> Tensor:
        """Anomaly scores of patches: (B, K, D) → (B, K), at least 0."""
        ...


def wants_patches(detector: nn.Module | type[nn.Module]) -> bool:
    """Check whether its vectors are patches of one picture, and not its rotated views."""
    return getattr(detector, "wants", "views") == "patches"


def epochs_of(detector: nn.Module | type[nn.Module], asked: int) -> int:
    """The epochs that training takes: ``asked``, or fewer where more would change nothing."""
    return min(asked, getattr(detector, "max_epochs", asked))


def has_gradient(module: nn.Module) -> bool:
    """Check whether gradients train it: without one there is nothing for several processes to share."""
    return any(parameter.requires_grad for parameter in module.parameters())
