"""A Gaussian of feature vectors as a detector."""

from collections.abc import Iterable

import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor

from irp_lightning.detectors.one_pass import OnePass

__all__ = ["Gaussian"]


class Gaussian(OnePass):
    """One Gaussian with a shrunk covariance; its squared Mahalanobis distance is anomalous.

    The covariance is Ledoit and Wolf's (*A well-conditioned estimator for large-dimensional covariance
    matrices*, 2004), by scikit-learn: there are often more dimensions than images. On frozen features
    as Rippel, Mertens & Merhof: *Modeling the distribution of normal data in pre-trained deep features
    for anomaly detection*, ICPR 2020.

    Args:
        dim: Length D of a feature vector; the state takes D² numbers.
    """

    mean: Tensor
    whitening: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.save_hyperparameters()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("whitening", torch.eye(dim))

    def fit(self, batches: Iterable[Tensor]) -> None:
        features = torch.cat([batch.mean(dim=1) for batch in batches])
        estimate = LedoitWolf(store_precision=False).fit(features.double().cpu().numpy())
        identity = torch.eye(self.dim, dtype=torch.double)
        # Shrinkage makes it invertible, unless all features are equal: then every direction is alike.
        factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(estimate.covariance_))
        whitening = torch.linalg.solve_triangular(identity if failed else factor, identity, upper=False)
        self.mean.copy_(torch.from_numpy(estimate.location_))
        self.whitening.copy_(whitening.T)

    def score(self, batch: Tensor) -> Tensor:
        """Squared Mahalanobis distance of the mean over the views, per dimension: (B, K, D) → (B,)."""
        return ((batch.mean(dim=1) - self.mean) @ self.whitening).square().mean(dim=1)
