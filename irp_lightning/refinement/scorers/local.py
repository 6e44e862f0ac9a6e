"""Out-of-sample scores from local features: a Gaussian of the patches of feature maps.

The frozen backbone's feature maps, averaged within the patches of a coarse grid instead of over the
whole picture. A defect fills few patches, so among a thousand images with two hundred defects far less
than a fifth of the *patches* are spoilt, and thousands of patches determine a covariance that hundreds
of images cannot: the estimate barely moves with the noise. (A Gaussian of deep patches is PaDiM's
model, Defard et al. 2021, here one for all places, so that nothing need be aligned.)
"""

from typing import ClassVar

import torch
from torch import Tensor

from irp_lightning.refinement.config import RefineConfig
from irp_lightning.refinement.folds import comparable, draw_folds
from irp_lightning.refinement.scoring import TrainingImages

__all__ = ["Local", "image_distance", "patch_distances"]

WORST_PATCHES = 0.1
"""Share of an image's patches, the furthest ones, that its score is the mean of."""

SHRINKAGE = 0.01
"""Share of the mean variance that is added to every direction, so that the covariance inverts."""

BATCH = 64

Moments = tuple[Tensor, ...]
"""Count, sum and sum of outer products of some patches, in float64."""


class Local:
    """Scores by Gaussians of patches, each fitted without the fold it scores.

    Needs no detector and no training: it costs about as much as a few epochs of a small flow.

    Args:
        images: The training images, with their patches.
        config: ``folds``: how many; a group stays in one.
    """

    wants: ClassVar[str] = "patches"

    def __init__(self, images: TrainingImages, config: RefineConfig) -> None:
        self.vectors = images.vectors
        self.fold = draw_folds(images.groups, config.folds, images.seed)
        self._moments: dict[int, Moments] = {}
        # Moments are taken about some patch: about 0 small variances would drown in large means.
        self._origin = images.features.scored(torch.zeros(1, dtype=torch.long)).flatten(0, 1)[0]

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → (N,), float64: 1 is an ordinary image."""
        moments = self._count(active)
        scores = torch.empty(len(active))
        for k in moments:
            # The other folds' moments add up: each patch was read once, for all folds.
            count, total, square = (
                sum(parts) for parts in zip(*(m for j, m in moments.items() if j != k), strict=True)
            )
            mean = total / count
            whitening = _whitening(square / count - torch.outer(mean, mean))
            mean = mean + self._origin.cpu()
            held_out = (self.fold == k).nonzero().flatten()
            scores[held_out] = torch.cat(
                [
                    image_distance(patch_distances(self.vectors(part), mean, whitening))
                    for part in held_out.split(BATCH)
                ]
            ).cpu()
        return comparable(scores, self.fold, active)

    def _count(self, active: Tensor) -> dict[int, Moments]:
        """The folds' moments: those of all images less those of the removed ones, which are few.

        So they depend on what is active alone, to the last bit, and not on the rounds before: a run
        that was stopped and goes on finds the same.
        """
        folds = {k: self.fold == k for k in self.fold.unique().tolist()}
        if not self._moments:
            self._moments = {k: self._moments_of(fold) for k, fold in folds.items()}
        return {
            k: tuple(map(torch.sub, self._moments[k], self._moments_of(fold & ~active)))
            for k, fold in folds.items()
        }

    def _moments_of(self, images: Tensor) -> Moments:
        dim = len(self._origin)
        count = torch.zeros((), dtype=torch.double)
        total, square = torch.zeros(dim, dtype=torch.double), torch.zeros(dim, dim, dtype=torch.double)
        for part in images.nonzero().flatten().split(BATCH):
            patches = (self.vectors(part) - self._origin).flatten(0, 1)
            # Products in float32, as fast as they come; their sums in float64, as many as they are.
            count += len(patches)
            total += patches.double().sum(dim=0).cpu()
            square += (patches.T @ patches).double().cpu()
        return count, total, square


def _whitening(covariance: Tensor) -> Tensor:
    """W with W Wᵀ the inverse of the shrunk covariance: (D, D) → (D, D)."""
    dim = len(covariance)
    ridge = SHRINKAGE * covariance.diagonal().mean() * torch.eye(dim, dtype=covariance.dtype)
    factor = torch.linalg.cholesky(covariance + ridge)
    return torch.linalg.solve_triangular(factor, torch.eye(dim, dtype=covariance.dtype), upper=False).T


def patch_distances(patches: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """Squared Mahalanobis distances of patches per dimension.

    Args:
        patches: (B, K, D).
        mean: (D,).
        whitening: (D, D), W with W Wᵀ the inverse covariance.

    Returns:
        (B, K), at least 0; about 1 for an ordinary patch.
    """
    centred = patches - mean.to(patches)
    return (centred @ whitening.to(patches)).square().mean(dim=-1)


def image_distance(distances: Tensor) -> Tensor:
    """The mean of an image's furthest patches: (B, K) → (B,)."""
    worst = max(1, round(WORST_PATCHES * distances.shape[1]))
    return distances.topk(worst, dim=1).values.mean(dim=1)
