"""Gaussians of patches as a detector.

Defard et al.: *PaDiM: a patch distribution modeling framework for anomaly detection and localization*,
ICPR 2021 (workshops).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from irp_lightning.detectors.patches import PatchDetector
from irp_lightning.features.preparation import free_memory
from irp_lightning.foundation.errors import WrongValue

__all__ = ["PatchGaussian", "whitening_of"]

SHRINKAGE = 0.01
"""Share of the mean variance that is added to every direction, so that a covariance inverts."""


class PatchGaussian(PatchDetector):
    """The Mahalanobis distance of a patch to a Gaussian of training patches is anomalous.

    Args:
        dim: Length D of a patch's vector.
        places: ``shared``: one Gaussian of all patches, so that nothing need be aligned; the state takes
            D² numbers. ``own``: one for each place, PaDiM's, for parts that lie alike in all pictures;
            the state takes K · D² numbers.
    """

    mean: Tensor
    whitening: Tensor

    def __init__(self, dim: int, places: str = "shared") -> None:
        super().__init__(dim)
        self.save_hyperparameters()
        self.places = places
        self.register_buffer("mean", torch.zeros(1, dim))
        self.register_buffer("whitening", torch.eye(dim)[None])

    @classmethod
    def check_size(cls, dim: int, n_vectors: int, places: str = "shared") -> None:
        """Refuse what would be killed: sums, covariances and their factors, in float64.

        Raises:
            WrongValue: The Gaussians of all places do not fit into memory.
        """
        count = n_vectors if places == "own" else 1
        needed, free = 4 * 8 * count * dim**2, free_memory(torch.device("cpu"))
        if needed > free:
            raise WrongValue(
                "places",
                places,
                f"takes {needed / 2**30:.1f} GiB for {count} Gaussians of {dim} numbers, and "
                f"{free / 2**30:.1f} are free; set patches.width=100, a coarser patches.grid, or "
                "model.places=shared",
            )

    def fit(self, batches: Iterable[Tensor]) -> None:
        count, total, square = 0, torch.zeros(()), torch.zeros(())
        origin: Tensor | None = None
        for batch in batches:
            # (K, B, D), or all patches as of one place.
            patches = batch.transpose(0, 1) if self.places == "own" else batch.flatten(0, 1)[None]
            # About some patch: about 0 small variances would drown in large means.
            if origin is None:
                origin = patches[:, :1].clone()
            patches = patches - origin
            count += patches.shape[1]
            # Products in float32, as fast as they come; their sums in float64, as many as they are.
            total = total + patches.sum(dim=1).double().cpu()
            square = square + (patches.transpose(1, 2) @ patches).double().cpu()
        assert origin is not None
        mean = total / count
        covariance = square / count - mean[:, :, None] * mean[:, None, :]
        self.mean = (origin[:, 0].cpu().double() + mean).to(self.mean)
        self.whitening = whitening_of(covariance).to(self.whitening)

    def score_map(self, batch: Tensor) -> Tensor:
        """Squared Mahalanobis distances per dimension: (B, K, D) → (B, K); 1 is an ordinary patch."""
        centred = (batch - self.mean).transpose(0, 1)  # (K, B, D)
        if len(self.whitening) == 1:
            centred = centred.flatten(0, 1)[None]
        distances = (centred @ self.whitening).square().mean(dim=2)
        return distances.view(batch.shape[1], len(batch)).T

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # One for each place, where each has its own.
        for name in ("mean", "whitening"):
            if prefix + name in state_dict:
                shape = state_dict[prefix + name].shape
                setattr(self, name, getattr(self, name).new_empty(shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def whitening_of(covariance: Tensor) -> Tensor:
    """W with W Wᵀ the inverse of a shrunk covariance: (K, D, D), float64 → (K, D, D)."""
    ridge = SHRINKAGE * covariance.diagonal(dim1=1, dim2=2).mean(dim=1).clamp_min(1e-12)
    identity = torch.eye(covariance.shape[1], dtype=torch.double)
    factor = torch.linalg.cholesky(covariance + ridge[:, None, None] * identity)
    inverse = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
    return inverse.transpose(1, 2)
