"""Published ways to score and to draw the line, in the same frame as ``robust``: for comparison only.

The scorers see the same patches (one grid, 64 principal components) and make an image's score in the
same way; a rule sees the same scores. Each is used as a user's own:
``refine/scoring=custom refine.scoring._target_=published.MuSc``.
"""

from typing import ClassVar

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from torch import Tensor

from irp_lightning.refinement.patch_maps import grids_of, pool_patches, relative_scores
from irp_lightning.refinement.scorers.mutual import nearest_in_each, principal_axes, table_of, weights
from irp_lightning.refinement.scoring import TrainingImages


class OfPatches:
    """What all have in common: patches of all images, and image scores from those of patches."""

    wants: ClassVar[str] = "patches"

    def __init__(self, images: TrainingImages, grid: int = 10, views: int = 1) -> None:
        patches = images.grid(views)
        self.grids = grids_of(grid, patches)[:1]
        everything = torch.arange(len(images.positions))
        pooled = torch.cat(
            [
                pool_patches(images.vectors(p), views, patches, self.grids)[0]
                for p in everything.split(64)
            ]
        )
        self.patches = pooled @ principal_axes(pooled[:256].flatten(0, 1), 64)
        self.own = images.groups[:, None] == images.groups
        self.one_fold = torch.zeros(len(everything), dtype=torch.long)

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → (N,), float64."""
        return relative_scores([self.of_patches(active)], self.grids, active, self.one_fold)[0]

    def of_patches(self, active: Tensor) -> Tensor:
        """(N, P)."""
        raise NotImplementedError


class Weighted(OfPatches):
    """By a weighted mean of a patch's distances to all other images, the nearest first."""

    def of_patches(self, active: Tensor) -> Tensor:
        """(N, P)."""
        table = table_of(self.patches[active].flatten(0, 1))
        found = []
        for patches, own in zip(self.patches, self.own[:, active], strict=True):
            near = nearest_in_each(patches, table, patches.shape[0])[:, ~own].sort(dim=1).values
            found.append(near @ self.weights(near.shape[1]))
        return torch.stack(found)

    def weights(self, others: int) -> Tensor:
        """(others,)."""
        raise NotImplementedError


class Nearest(Weighted):
    """The nearest alone: PatchCore (Roth et al., CVPR 2022), leaving the image out."""

    def weights(self, others: int) -> Tensor:
        """(others,)."""
        return torch.eye(others)[0]


class MuSc(Weighted):
    """The mean of the nearest 30 % (Li et al., ICLR 2024)."""

    def weights(self, others: int) -> Tensor:
        """(others,)."""
        count = max(1, round(0.3 * others))
        return (torch.arange(others) < count).float() / count


class MeDS(Weighted):
    """Random banks of a tenth of the images, in closed form (MeDS, ICML 2026)."""

    def weights(self, others: int) -> Tensor:
        """(others,)."""
        return weights(others, 0.1, others)


class Lof(OfPatches):
    """Local outlier factors of each place by itself, six neighbours.

    SoftPatch (Jiang et al., NeurIPS 2022) weighs patches by them. It knows no groups: photographs of one
    part are neighbours.
    """

    def of_patches(self, active: Tensor) -> Tensor:
        """(N, P)."""
        found = []
        for place in self.patches.transpose(0, 1).numpy():
            factor = LocalOutlierFactor(n_neighbors=6, novelty=False)
            factor.fit(place)  # of all, as SoftPatch does: the study has one round of it
            found.append(-factor.negative_outlier_factor_)
        return torch.tensor(np.stack(found, axis=1)).float()


def mixture(scores: Tensor) -> float:
    """Where the higher of two normal distributions of log scores becomes the likelier.

    Nothing, if one distribution explains the scores better (by BIC).
    """
    logs = scores.double().log().numpy()[:, None]
    one, two = (GaussianMixture(n, random_state=0).fit(logs) for n in (1, 2))
    highest = float(scores.max())
    if one.bic(logs) <= two.bic(logs):
        return highest
    upper = int(two.means_.argmax())
    likely = two.predict(logs) == upper
    above_lower_mean = logs[:, 0] > two.means_.min()
    chosen = scores[torch.tensor(likely & above_lower_mean)]
    below = scores[scores < chosen.min()] if len(chosen) else scores
    return float(below.max()) if len(below) else highest
