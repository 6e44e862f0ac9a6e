"""Gaussians of patches as a detector.

Defard et al.: *PaDiM: a patch distribution modeling framework for anomaly detection and localization*,
ICPR 2021 (workshops).
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from irp_lightning.detectors.config import PatchGaussianConfig
from irp_lightning.detectors.moments import Moments
from irp_lightning.detectors.patches import PatchDetector
from irp_lightning.features.memory import free_memory
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import load

__all__ = ["PatchGaussian"]


class PatchGaussian(PatchDetector):
    """The Mahalanobis distance of a patch to a Gaussian of training patches is anomalous.

    Args:
        dim: Length D of a patch's vector.
        **arguments: The fields of :class:`~irp_lightning.detectors.config.PatchGaussianConfig`.
    """

    growing: ClassVar[tuple[str, ...]] = ("mean", "whitening")  # with the places
    mean: Tensor
    whitening: Tensor

    def __init__(self, dim: int, **arguments: Any) -> None:
        super().__init__(dim)
        self.save_hyperparameters()
        self.has_own_places = load(PatchGaussianConfig, arguments).places == "own"
        self.register_buffer("mean", torch.zeros(1, dim))
        self.register_buffer("whitening", torch.eye(dim)[None])

    @classmethod
    def check_size(cls, dim: int, n_vectors: int, **arguments: Any) -> None:
        """Refuse what would be killed: sums, covariances and their factors, in float64.

        Raises:
            WrongValue: The Gaussians of all places do not fit into memory.
        """
        places = load(PatchGaussianConfig, arguments).places
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
        origin: Tensor | None = None
        found: Moments | None = None
        for batch in batches:
            # (K, B, D), or all patches as of one place.
            patches = batch.transpose(0, 1) if self.has_own_places else batch.flatten(0, 1)[None]
            if origin is None:
                origin = patches[:, :1].clone()
            moments = Moments.of(patches - origin, sums=torch.float32)
            found = moments if found is None else found + moments
        assert origin is not None
        assert found is not None
        mean, whitening = found.gaussian()
        self.mean = (origin[:, 0].cpu().double() + mean).to(self.mean)
        self.whitening = whitening.to(self.whitening)

    def score_map(self, batch: Tensor) -> Tensor:
        """Squared Mahalanobis distances per dimension: (B, K, D) → (B, K); 1 is an ordinary patch."""
        centred = (batch - self.mean).transpose(0, 1)  # (K, B, D)
        if len(self.whitening) == 1:
            centred = centred.flatten(0, 1)[None]
        distances = (centred @ self.whitening).square().mean(dim=2)
        return distances.view(batch.shape[1], len(batch)).T
