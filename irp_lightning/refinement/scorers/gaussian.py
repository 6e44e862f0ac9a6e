"""Out-of-sample scores from patches: their distance from a Gaussian of all patches of other images.

A defect fills few patches, so among a thousand images with two hundred defects far less than a fifth of
the *patches* are spoilt, and thousands of patches determine a covariance that hundreds of images cannot:
the estimate barely moves with the noise, and defects of one kind do not excuse each other. (PaDiM's
model, Defard et al. 2021, here one for all places, so that nothing need be aligned.)
"""

from typing import ClassVar

import torch
from torch import Tensor

from irp_lightning.detectors.patch_gaussian import whitening_of
from irp_lightning.refinement.config import RefineConfig
from irp_lightning.refinement.folds import draw_folds
from irp_lightning.refinement.patch_maps import grid_sides, pool_patches, relative_scores
from irp_lightning.refinement.scoring import TrainingImages

__all__ = ["Gaussian", "mahalanobis"]

BATCH = 64
"""Images that are read at once."""

Moments = tuple[Tensor, Tensor, Tensor]
"""Count, sum and sum of outer products of some patches, in float64."""


class Gaussian:
    """Scores by Gaussians of patches of two sizes, each fitted without the fold that it scores.

    Needs no detector and no training. Each scoring reads all patches twice: time grows with the images,
    memory does not.

    Args:
        images: The training images, with their patches.
        config: ``folds``: how many; a group stays in one. ``grid``: small patches per side. ``views``:
            rotated views that the Gaussians are fitted to.
    """

    wants: ClassVar[str] = "patches"

    def __init__(self, images: TrainingImages, config: RefineConfig) -> None:
        self.images, self.views = images, config.views
        self.sides = grid_sides(config.grid, images.features.n_views // config.views)
        self.fold = draw_folds(images.groups, config.folds, images.seed)
        self._maps = torch.empty(0)

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → (N,), float64, positive; 1 is an ordinary image."""
        # Moments are taken about some patch: about 0 small variances would drown in large means.
        origins = [patches[0, 0] for patches in self._patches(active.nonzero().flatten()[:1])]
        folds = {k: self.fold == k for k in self.fold.unique().tolist()}
        # The other folds' moments add up: each patch is read once, for all folds.
        moments = {k: self._moments(fold & active, origins) for k, fold in folds.items()}
        maps = [torch.empty(len(active), side**2) for side in self.sides]
        for k, fold in folds.items():
            others = [found for j, found in moments.items() if j != k and found[0][0] > 0]
            others = others or list(moments.values())  # all the others were removed
            models = [_model(parts) for parts in zip(*others, strict=True)]
            for part in fold.nonzero().flatten().split(BATCH):
                for found, patches, (mean, whitening), origin in zip(
                    maps, self._patches(part), models, origins, strict=True
                ):
                    unrotated = patches[:, : found.shape[1]]
                    found[part] = mahalanobis(unrotated - origin, mean, whitening).cpu()
        scores, self._maps = relative_scores(maps, active, self.fold)
        return scores

    def explain(self, images: Tensor) -> Tensor:
        """The distances of some images' patches in the last scoring: (M,) → (M, grid, grid)."""
        return self._maps[images]

    def _patches(self, images: Tensor) -> list[Tensor]:
        """(B,) → for each grid (B, views · side², D): the views one after another, unrotated first."""
        return pool_patches(self.images.vectors(images), self.views, self.sides)

    def _moments(self, images: Tensor, origins: list[Tensor]) -> list[Moments]:
        """For each grid, of the patches of some images about an origin."""
        found = [_no_moments(len(origin)) for origin in origins]
        for part in images.nonzero().flatten().split(BATCH):
            for i, (patches, origin) in enumerate(zip(self._patches(part), origins, strict=True)):
                apart = (patches - origin).flatten(0, 1)
                count, total, square = found[i]
                # Products in float32, as fast as they come; their sums in float64, as many as they are.
                found[i] = (
                    count + len(apart),
                    total + apart.double().sum(dim=0).cpu(),
                    square + (apart.T @ apart).double().cpu(),
                )
        return found


def _no_moments(dim: int) -> Moments:
    zeros = torch.zeros(dim, dtype=torch.double)
    return torch.zeros((), dtype=torch.double), zeros, torch.outer(zeros, zeros)


def _model(parts: tuple[Moments, ...]) -> tuple[Tensor, Tensor]:
    """Mean (D,) and whitening (D, D), W with W Wᵀ the inverse of the shrunk covariance."""
    count, total, square = (torch.stack(values).sum(dim=0) for values in zip(*parts, strict=True))
    mean = total / count
    covariance = square / count - torch.outer(mean, mean)
    return mean, whitening_of(covariance[None])[0]


def mahalanobis(patches: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """Mahalanobis distances of patches, per root of the dimension.

    Args:
        patches: (B, P, D).
        mean: (D,).
        whitening: (D, D), W with W Wᵀ the inverse covariance.

    Returns:
        (B, P), at least 0; about 1 for an ordinary patch.
    """
    centred = patches - mean.to(patches)
    return (centred @ whitening.to(patches)).square().mean(dim=-1).sqrt()
