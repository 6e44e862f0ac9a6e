"""Moments of feature vectors, added up over batches, and the Gaussian that they determine."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Moments", "whitening_of"]

SHRINKAGE = 0.01
"""Share of the mean variance that is added to every direction, so that a covariance inverts."""


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of outer products of vectors, one for each of K sets of them.

    Attributes:
        count: Vectors in each set.
        total: (K, D), float64, on the CPU.
        square: (K, D, D), float64, on the CPU.
    """

    count: int
    total: Tensor
    square: Tensor

    @classmethod
    def of(cls, vectors: Tensor, sums: torch.dtype = torch.float64) -> "Moments":
        """The moments of a batch, (K, B, D), float32.

        The vectors should be differences from one of them: about 0 small variances would drown in large
        means. Products are float32, as fast as they come, and float64 where batches are added up.

        Args:
            vectors: On any device.
            sums: What the sum of a batch is taken in.
        """
        total = vectors.sum(dim=1, dtype=sums).double().cpu()
        return cls(vectors.shape[1], total, (vectors.transpose(1, 2) @ vectors).double().cpu())

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.count + other.count, self.total + other.total, self.square + other.square)

    def gaussian(self) -> tuple[Tensor, Tensor]:
        """The mean (K, D) and the whitening (K, D, D), see :func:`whitening_of`; both float64."""
        mean = self.total / self.count
        return mean, whitening_of(self.square / self.count - mean[:, :, None] * mean[:, None, :])


def whitening_of(covariance: Tensor) -> Tensor:
    """W with W Wᵀ the inverse of a shrunk covariance: (K, D, D), float64 → (K, D, D)."""
    ridge = SHRINKAGE * covariance.diagonal(dim1=1, dim2=2).mean(dim=1).clamp_min(1e-12)
    identity = torch.eye(covariance.shape[1], dtype=torch.double)
    factor = torch.linalg.cholesky(covariance + ridge[:, None, None] * identity)
    inverse = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
    return inverse.transpose(1, 2)
