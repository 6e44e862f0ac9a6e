"""Out-of-sample scores from patches: their distance from a Gaussian of all patches of other images.

A defect fills few patches, so among a thousand images with two hundred defects far less than a fifth of
the *patches* are spoilt, and thousands of patches determine a covariance that hundreds of images cannot:
the estimate barely moves with the noise, and defects of one kind do not excuse each other. (PaDiM's
model, Defard et al. 2021, but with one covariance for all places: hundreds of images do not determine
one for each. With ``by_place`` each place has a mean of its own.)
"""

import math
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar

import torch
from torch import Tensor

from irp_lightning.detectors.moments import whitening_of
from irp_lightning.foundation.fields import load
from irp_lightning.refinement.config import GaussianConfig
from irp_lightning.refinement.folds import draw_folds
from irp_lightning.refinement.patch_maps import grids_of, pool_patches, relative_scores
from irp_lightning.refinement.scoring import TrainingImages

__all__ = ["Gaussian", "mahalanobis"]

BATCH = 64
"""Images that are read at once."""


class Gaussian:
    """Scores by Gaussians of patches of two sizes, each fitted without the fold that it scores.

    Needs no detector and no training. Each scoring reads all patches twice: time grows with the images,
    memory does not.

    Args:
        images: The training images, with their patches.
        arguments: Of :class:`GaussianConfig`. The Gaussians are fitted to all ``views``.
    """

    wants: ClassVar[str] = "patches"

    def __init__(self, images: TrainingImages, **arguments: Any) -> None:
        config = load(GaussianConfig, arguments)
        self.images, self.views, self.by_place = images, config.views, config.by_place
        self.patches = images.grid(config.views)
        self.grids = grids_of(config.grid, self.patches)
        self.fold = draw_folds(images.groups, config.folds, images.seed)
        self._maps = torch.empty(0)

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → (N,), float64, positive; 1 is an ordinary image."""
        # Moments are taken about some patch: about 0 small variances would drown in large means.
        origins = [patches[0, 0] for patches in self._patches(active.nonzero().flatten()[:1])]
        folds = {k: self.fold == k for k in self.fold.unique().tolist()}
        # The other folds' moments add up: each patch is read once, for all folds.
        moments = {k: self._moments(fold & active, origins) for k, fold in folds.items()}
        maps = [torch.empty(len(active), math.prod(grid)) for grid in self.grids]
        for k, fold in folds.items():
            others = [found for j, found in moments.items() if j != k and found[0].count]
            others = others or list(moments.values())  # all the others were removed
            models = [reduce(add, parts).gaussian() for parts in zip(*others, strict=True)]
            for part in fold.nonzero().flatten().split(BATCH):
                for found, patches, (mean, whitening), origin in zip(
                    maps, self._patches(part), models, origins, strict=True
                ):
                    unrotated = patches[:, : found.shape[1]]
                    ordinary = mean[: found.shape[1]]
                    found[part] = mahalanobis(unrotated - origin, ordinary, whitening).cpu()
        scores, self._maps = relative_scores(maps, self.grids, active, self.fold)
        return scores

    def explain(self, images: Tensor) -> Tensor:
        """The distances of some images' patches in the last scoring: (M,) → (M, rows, columns)."""
        return self._maps[images]

    def _patches(self, images: Tensor) -> list[Tensor]:
        """(B,) → for each grid (B, views · its patches, D): view by view, the unrotated one first."""
        return pool_patches(self.images.vectors(images), self.views, self.patches, self.grids)

    def _moments(self, images: Tensor, origins: list[Tensor]) -> list["_Moments"]:
        """For each grid, of the patches of some images: (N,), bool."""
        batches = (
            [
                _Moments.of(patches - origin, by_place=self.by_place)
                for patches, origin in zip(self._patches(part), origins, strict=True)
            ]
            for part in images.nonzero().flatten().split(BATCH)
        )
        return reduce(lambda sums, batch: list(map(add, sums, batch)), batches)


@dataclass(frozen=True)
class _Moments:
    """Sums over images from which the means of places and their common covariance follow.

    Attributes:
        count: Patches of each place.
        total: (P, D), float64: their sum; P is 1 where places are not told apart.
        square: (D, D), float64: the outer products of all patches.
    """

    count: int
    total: Tensor
    square: Tensor

    @classmethod
    def of(cls, patches: Tensor, *, by_place: bool) -> "_Moments":
        """The sums of a batch: (B, P, D), differences from some patch."""
        flat = patches.flatten(0, 1)
        apart = patches if by_place else flat[:, None]
        total = apart.sum(dim=0, dtype=torch.float64).cpu()
        return cls(len(apart), total, (flat.T @ flat).double().cpu())

    def __add__(self, other: "_Moments") -> "_Moments":
        return _Moments(self.count + other.count, self.total + other.total, self.square + other.square)

    def gaussian(self) -> tuple[Tensor, Tensor]:
        """The mean of each place, (P, D), and the whitening of the covariance about it, (D, D)."""
        mean = self.total / self.count
        covariance = self.square / (self.count * len(mean)) - mean.T @ mean / len(mean)
        return mean, whitening_of(covariance[None])[0]


def mahalanobis(patches: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """Mahalanobis distances of patches, per root of the dimension.

    Args:
        patches: (B, P, D).
        mean: (D,), or (P, D): of each place.
        whitening: (D, D), W with W Wᵀ the inverse covariance.

    Returns:
        (B, P), at least 0; about 1 for an ordinary patch.
    """
    centred = patches - mean.to(patches)
    return (centred @ whitening.to(patches)).square().mean(dim=-1).sqrt()
