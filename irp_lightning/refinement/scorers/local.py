"""Out-of-sample scores from local features: a Gaussian of the cells of feature maps.

The frozen backbone's feature maps, averaged within the cells of a coarse grid instead of over the
whole picture. A defect fills few cells, so among a thousand images with two hundred defects far less
than a fifth of the *cells* are spoilt, and thousands of cells determine a covariance that hundreds
of images cannot: the estimate barely moves with the noise. (A Gaussian of deep feature-map cells is
PaDiM's model, Defard et al. 2021, here one for all places, so that nothing need be aligned.)
"""

import lightning as L
import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import FeatureSource
from irp_lightning.refinement.scorers.folds import comparable, draw_folds

__all__ = ["LocalScoring", "cell_distances", "image_distance"]

WORST_CELLS = 0.1
"""Share of an image's cells, the furthest ones, that its score is the mean of."""

SHRINKAGE = 0.01
"""Share of the mean variance that is added to every direction, so that the covariance inverts."""

BATCH = 64

Moments = tuple[Tensor, ...]
"""Count, sum and sum of outer products of some cells, in float64."""


class LocalScoring:
    """Scores by Gaussians of cells, each fitted without the fold it scores.

    Needs no detector and no training: it costs about as much as a few epochs of a small flow.

    Args:
        source: Cells of all images, (C, D) each.
        groups: (N,), int64: the group of each training image; a group stays in one fold.
        folds: How many, at least 2.
        seed: Of the draw.
    """

    def __init__(self, source: FeatureSource, groups: Tensor, folds: int, seed: int) -> None:
        self.source = source
        self.fold = draw_folds(groups, folds, seed)
        self._moments: dict[int, Moments] = {}
        # Moments are taken about some cell: about 0 small variances would drown in large means.
        self._origin = self._cells(torch.zeros(1, dtype=torch.long)).flatten(0, 1)[0]

    def __call__(self, module: L.LightningModule, data: RefinableData, active: Tensor) -> Tensor:
        """Score all training images.

        Args:
            module: Unused: the scores are the features' own.
            data: The run's data.
            active: (N,), bool: what may be fitted on.

        Returns:
            (N,), float64: 1 is an ordinary image.
        """
        moments = self._count(data.train_images, active)
        scores = torch.empty(len(active))
        for k in moments:
            # The other folds' moments add up: each cell was read once, for all folds.
            count, total, square = (
                sum(parts) for parts in zip(*(m for j, m in moments.items() if j != k), strict=True)
            )
            mean = total / count
            whitening = _whitening(square / count - torch.outer(mean, mean))
            mean = mean + self._origin.cpu()
            held_out = (self.fold == k).nonzero().flatten()
            scores[held_out] = torch.cat(
                [
                    image_distance(cell_distances(self._cells(data.train_images[part]), mean, whitening))
                    for part in held_out.split(BATCH)
                ]
            ).cpu()
        return comparable(scores, self.fold, active)

    def _count(self, images: Tensor, active: Tensor) -> dict[int, Moments]:
        """The folds' moments: those of all images less those of the removed ones, which are few.

        So they depend on what is active alone, to the last bit, and not on the rounds before: a run
        that was stopped and goes on finds the same.
        """
        folds = {k: self.fold == k for k in self.fold.unique().tolist()}
        if not self._moments:
            self._moments = {k: self._moments_of(images[fold]) for k, fold in folds.items()}
        return {
            k: tuple(map(torch.sub, self._moments[k], self._moments_of(images[fold & ~active])))
            for k, fold in folds.items()
        }

    def _cells(self, images: Tensor) -> Tensor:
        return self.source.scored(images)

    def _moments_of(self, images: Tensor) -> Moments:
        dim = self.source.dim
        count = torch.zeros((), dtype=torch.double)
        total, square = torch.zeros(dim, dtype=torch.double), torch.zeros(dim, dim, dtype=torch.double)
        for part in images.split(BATCH):
            cells = (self._cells(part) - self._origin).flatten(0, 1)
            # Products in float32, as fast as they come; their sums in float64, as many as they are.
            count += len(cells)
            total += cells.double().sum(dim=0).cpu()
            square += (cells.T @ cells).double().cpu()
        return count, total, square


def _whitening(covariance: Tensor) -> Tensor:
    """W with W Wᵀ the inverse of the shrunk covariance: (D, D) → (D, D)."""
    dim = len(covariance)
    ridge = SHRINKAGE * covariance.diagonal().mean() * torch.eye(dim, dtype=covariance.dtype)
    factor = torch.linalg.cholesky(covariance + ridge)
    return torch.linalg.solve_triangular(factor, torch.eye(dim, dtype=covariance.dtype), upper=False).T


def cell_distances(cells: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """Squared Mahalanobis distances of cells per dimension.

    Args:
        cells: (B, C, D).
        mean: (D,).
        whitening: (D, D), W with W Wᵀ the inverse covariance.

    Returns:
        (B, C), at least 0; about 1 for an ordinary cell.
    """
    centred = cells - mean.to(cells)
    return (centred @ whitening.to(cells)).square().mean(dim=-1)


def image_distance(distances: Tensor) -> Tensor:
    """The mean of an image's furthest cells: (B, C) → (B,)."""
    worst = max(1, round(WORST_CELLS * distances.shape[1]))
    return distances.topk(worst, dim=1).values.mean(dim=1)
