"""Nearest neighbours among patches as a detector.

Roth et al.: *Towards total recall in industrial anomaly detection* (PatchCore), CVPR 2022.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from irp_lightning.detectors.config import PatchNearestConfig
from irp_lightning.detectors.patches import PatchDetector
from irp_lightning.foundation.fields import load

__all__ = ["PatchNearest", "coreset"]

CANDIDATES = 5
"""Patches, for each chosen one, that a coreset is chosen from; drawn at random where there are more."""

PROJECTED = 32
"""Dimensions in which a coreset is chosen: distances need not be exact for that."""

SAME = 1e-3
"""Patches nearer than this share of their length are one patch of one picture."""

BLOCK = 2**22
"""Distances that are computed at once."""


class PatchNearest(PatchDetector):
    """The distance of a patch to the nearest of a bank of training patches is anomalous.

    The bank is a coreset: patches that lie far from each other (:func:`coreset`). A patch is no
    neighbour of itself: banked vectors equal to it are passed over, so that training images can be
    scored too.

    Args:
        dim: Length D of a patch's vector.
        **arguments: The fields of :class:`~irp_lightning.detectors.config.PatchNearestConfig`.
    """

    growing: ClassVar[tuple[str, ...]] = ("bank",)
    bank: Tensor

    def __init__(self, dim: int, **arguments: Any) -> None:
        super().__init__(dim)
        self.save_hyperparameters()
        self.config = load(PatchNearestConfig, arguments)
        self.register_buffer("bank", torch.zeros(0, dim))

    def fit(self, batches: Iterable[Tensor]) -> None:
        count = self.config.patches
        self.bank = coreset(_reservoir(batches, CANDIDATES * count, self.config.seed), count)

    def score_map(self, batch: Tensor) -> Tensor:
        """Distances to the nearest, re-weighted where that is asked for: (B, K, D) → (B, K)."""
        queries = batch.flatten(0, 1)
        apart = torch.cat(
            [self._nearest(part) for part in queries.split(max(1, BLOCK // len(self.bank)))]
        )
        return apart.view(batch.shape[:2])

    def _nearest(self, queries: Tensor) -> Tensor:
        if self.config.neighbours > 1:
            return self._among_all(queries)
        # One product and one minimum; the few queries that found themselves are looked at again.
        squares = queries.square().sum(dim=1)
        product = torch.addmm(self.bank.square().sum(dim=1), queries, self.bank.T, alpha=-2)
        apart = (product.amin(dim=1) + squares).clamp_min_(0).sqrt_()
        itself = apart < SAME * squares.sqrt()
        if itself.any():
            apart[itself] = self._among_all(queries[itself])
        return apart

    def _among_all(self, queries: Tensor) -> Tensor:
        apart = _distances(queries, self.bank)
        itself = apart < SAME * queries.norm(dim=1, keepdim=True)
        count = min(self.config.neighbours, len(self.bank))
        nearest, place = apart.masked_fill(itself, torch.inf).topk(count, dim=1, largest=False)
        if itself.all(dim=1).any():  # nothing in the bank but the patch itself
            nearest = nearest.nan_to_num(posinf=0.0)
        if count == 1:
            return nearest[:, 0]
        around = _distances(self.bank[place[:, 0]], self.bank).topk(count, dim=1, largest=False).indices
        to_those = (queries[:, None] - self.bank[around]).norm(dim=2)
        # PatchCore's 1 - softmax, in a form that large distances do not overflow.
        weight = 1 - torch.softmax(torch.cat([nearest[:, :1], to_those[:, 1:]], dim=1), dim=1)[:, 0]
        return weight * nearest[:, 0]


def coreset(vectors: Tensor, count: int) -> Tensor:
    """Vectors far from each other: the next is the one furthest from all that were chosen.

    Sener & Savarese: *Active learning for convolutional neural networks: a core-set approach*, ICLR
    2018; in a fixed random projection.

    Args:
        vectors: (M, D).
        count: How many to choose.

    Returns:
        (min(M, count), D); the first vector is the first of them.
    """
    if len(vectors) <= count:
        return vectors.clone()
    generator = torch.Generator().manual_seed(0)
    axes = torch.randn(vectors.shape[1], min(PROJECTED, vectors.shape[1]), generator=generator)
    points = vectors @ axes.to(vectors)
    squares = points.square().sum(dim=1)
    apart = torch.full_like(squares, torch.inf)
    chosen = [0]
    while len(chosen) < count:
        last = chosen[-1]
        apart = torch.minimum(
            apart, torch.addmv(squares, points, points[last], alpha=-2) + squares[last]
        )
        chosen.append(int(apart.argmax()))
    return vectors[chosen]


def _reservoir(batches: Iterable[Tensor], most: int, seed: int) -> Tensor:
    """A fair draw of at most so many of all patches, in memory for twice as many: (M, D)."""
    generator = torch.Generator().manual_seed(seed)
    kept, keys = [], torch.empty(0)
    for batch in batches:
        kept.append(batch.flatten(0, 1))
        keys = torch.cat([keys, torch.rand(len(kept[-1]), generator=generator)])
        if len(keys) > 2 * most:  # the lowest keys win, whenever they came
            chosen = keys.topk(most, largest=False).indices.sort().values
            kept, keys = [torch.cat(kept)[chosen]], keys[chosen]
    vectors = torch.cat(kept)
    return vectors[keys.topk(min(most, len(keys)), largest=False).indices]


def _distances(queries: Tensor, bank: Tensor) -> Tensor:
    """Euclidean: (M, D), (R, D) → (M, R)."""
    product = torch.addmm(bank.square().sum(dim=1), queries, bank.T, beta=1, alpha=-2)
    return product.add_(queries.square().sum(dim=1, keepdim=True)).clamp_min_(0).sqrt_()
