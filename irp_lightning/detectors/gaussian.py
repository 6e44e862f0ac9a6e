"""A Gaussian of feature vectors as a detector."""

import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor

from irp_lightning.detectors.closed_form import ClosedForm

__all__ = ["Gaussian"]


class Gaussian(ClosedForm):
    """One Gaussian with a shrunk covariance; its squared Mahalanobis distance is anomalous.

    The covariance is Ledoit and Wolf's (*A well-conditioned estimator for large-dimensional covariance
    matrices*, 2004), by scikit-learn: there are often more dimensions than images. On frozen features
    as Rippel, Mertens & Merhof: *Modeling the distribution of normal data in pre-trained deep features
    for anomaly detection*, ICPR 2020.

    Args:
        dim: Length d of a feature vector; the state takes d² numbers.
    """

    mean: Tensor
    whitening: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.save_hyperparameters()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("whitening", torch.eye(dim))

    def fit(self, features: Tensor) -> None:
        estimate = LedoitWolf(store_precision=False).fit(features.double().cpu().numpy())
        covariance = torch.from_numpy(estimate.covariance_)
        # Shrinkage makes it invertible, unless all features are equal: then every direction is alike.
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed:
            factor = torch.eye(self.dim, dtype=torch.double)
        identity = torch.eye(self.dim, dtype=torch.double)
        whitening = torch.linalg.solve_triangular(factor, identity, upper=False).T
        self.mean.copy_(torch.from_numpy(estimate.location_))
        self.whitening.copy_(whitening)

    def distance(self, features: Tensor) -> Tensor:
        """Squared Mahalanobis distance per dimension: (B, d) → (B,)."""
        return ((features - self.mean) @ self.whitening).square().mean(dim=1)
