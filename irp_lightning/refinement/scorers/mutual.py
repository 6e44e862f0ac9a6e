"""Out-of-sample scores from patches: how far each lies from its likes in all other images.

Let D₍₁₎ ≤ D₍₂₎ ≤ … be the distances of a patch to its nearest patch in each of n other images,
those of its own group left out. A patch's suspicion is Σ wₖ D₍ₖ₎ with wₖ = ((n−k+1)/n)^m −
((n−k)/n)^m: how far the nearest neighbour lies in a bank of m images drawn at random, in the mean
over all draws (the ensembles of random memory banks of MeDS, ICML 2026, in closed form). m = n is
nearly the nearest alone (PatchCore, leaving one image out); a small m asks for company: a defect
that has a twin is not excused by it. Compare MuSc (Li, Huang, Xue, Zhou: *Zero-shot industrial
anomaly classification and segmentation with mutual scoring of the unlabeled images*, ICLR 2024),
which takes the mean of the lowest 30 %.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from tqdm import tqdm

from irp_lightning.foundation.fields import load
from irp_lightning.refinement.config import MutualConfig
from irp_lightning.refinement.patch_maps import Grid, grids_of, pool_patches, relative_scores
from irp_lightning.refinement.scoring import TrainingImages

__all__ = ["Mutual", "nearest_in_each", "principal_axes", "table_of", "weights"]

AXES = 64
"""Principal components that distances are taken in: faster, and no worse, than all channels."""

SAMPLED = 256
"""Images that the principal components are found from."""

BATCH = 64
"""Images that are read at once."""

PLACES = {"cpu": 2**19, "cuda": 2**27}
"""Distances that are computed at once: on a CPU they stay in its cache."""

NEGLIGIBLE = 1e-3
"""Weight that all distances which are not kept may have together, while half of the images is left."""


class Mutual:
    """Scores every image by its furthest patches, each held against all other images.

    Small patches and those of twice the side are looked at separately, and their scores averaged.

    Needs no detector and no training. Costs N · R · P² products of 64 numbers, N images, R references
    and P patches, once; later rounds only leave out what was removed.

    Args:
        images: The training images, with their patches.
        arguments: Of :class:`MutualConfig`; ``bank_share`` is m as a share of n. Neighbours of a
            grid finer than ``grid`` are averaged.
    """

    wants: ClassVar[str] = "patches"

    def __init__(self, images: TrainingImages, **arguments: Any) -> None:
        config = load(MutualConfig, arguments)
        self.images, self.share, self.views = images, config.bank_share, config.views
        self.patches = images.grid(config.views)
        self.grids = grids_of(config.grid, self.patches)
        generator = torch.Generator().manual_seed(images.seed)
        count = len(images.positions)
        self.references = _draw(images.groups, config.references, generator)
        self._sampled = torch.randperm(count, generator=generator)[:SAMPLED]
        self._own = images.groups[:, None] == images.groups[self.references]
        self._kept: list[_Kept] = []
        self._maps = torch.empty(0)

    def __call__(self, active: Tensor) -> Tensor:
        """(N,), bool → (N,), float64, positive; 1 is an ordinary image."""
        self._kept = self._kept or self._measure()
        maps = [self._suspicions(kept, active) for kept in self._kept]
        # All are held against the same references: a single fold.
        fold = torch.zeros(len(active), dtype=torch.long)
        scores, self._maps = relative_scores(maps, self.grids, active, fold)
        return scores

    def explain(self, images: Tensor) -> Tensor:
        """The suspicion of some images' patches in the last scoring: (M,) → (M, rows, columns)."""
        return self._maps[images]

    def _suspicions(self, kept: "_Kept", active: Tensor) -> Tensor:
        """(N, P)."""
        is_there = active[self.references]
        left = (is_there & ~self._own).sum(dim=1).tolist()
        return torch.stack(
            [
                _suspicion(distances, is_there[places.long()], others, self.share)
                for distances, places, others in zip(kept.distances, kept.places, left, strict=True)
            ]
        )

    def _measure(self) -> list["_Kept"]:
        vectors: list[list[Tensor]] = [[] for _ in self.grids]
        sampled = self._patches(self._sampled)
        axes = [principal_axes(patches.flatten(0, 1), AXES) for patches in sampled]
        for part in torch.arange(len(self.images.positions)).split(BATCH):
            for found, patches, directions in zip(vectors, self._patches(part), axes, strict=True):
                found.append(patches @ directions)
        return [
            self._distances(torch.cat(found), grid)
            for found, grid in zip(vectors, self.grids, strict=True)
        ]

    def _distances(self, vectors: Tensor, grid: Grid) -> "_Kept":
        """(N, views · its patches, D): what is kept of all distances."""
        references, length = vectors[self.references], vectors.shape[1]
        table = table_of(references.flatten(0, 1))
        count, keep = len(vectors), _kept(len(references), self.share)
        patches = math.prod(grid)
        distances = torch.empty(count, patches, keep)
        places = torch.empty(count, patches, keep, dtype=torch.int32)
        own = self._own.to(vectors.device)
        bar = tqdm(
            range(count), desc=f"mutual {grid[0]} x {grid[1]}", unit="img", disable=None, leave=False
        )
        for i in bar:
            apart = nearest_in_each(vectors[i, :patches], table, length)
            found = apart.masked_fill(own[i], torch.inf).topk(keep, dim=1, largest=False)
            distances[i], places[i] = found.values.cpu(), found.indices.cpu()
        return _Kept(distances, places)

    def _patches(self, images: Tensor) -> list[Tensor]:
        """(B,) → for each grid (B, views · its patches, D): view by view, the unrotated one first."""
        return pool_patches(self.images.vectors(images), self.views, self.patches, self.grids)


def _draw(groups: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Some images, of two groups at least: none is left without a reference. (N,) → (R,), ascending."""
    order = torch.randperm(len(groups), generator=generator)
    drawn, rest = order[:most], order[most:]
    others = rest[groups[rest] != groups[drawn[0]]]
    if len(others) and (groups[drawn] == groups[drawn[0]]).all():
        drawn = torch.cat([drawn[:-1], others[:1]])
    return drawn.sort().values


@dataclass(frozen=True)
class _Kept:
    """The smallest distances of each patch, ascending, and to which reference: (N, P, K) both."""

    distances: Tensor
    places: Tensor


def principal_axes(vectors: Tensor, count: int) -> Tensor:
    """The directions of largest variance: (M, D) → (D, min(count, D)), orthonormal."""
    centred = vectors - vectors.mean(dim=0)
    return torch.linalg.eigh((centred.T @ centred).double()).eigenvectors[:, -count:].to(vectors.dtype)


def weights(others: int, share: float, count: int) -> Tensor:
    """The weights of the ``count`` smallest distances to ``others`` images: (count,), their sum 1.

    Args:
        others: n, at least 1.
        share: m / n, above 0; m is at least 1.
        count: At most n.
    """
    m = max(1.0, share * others)
    tail = ((others - torch.arange(count + 1, dtype=torch.double)) / others) ** m
    found = tail[:-1] - tail[1:]
    return (found / found.sum()).float()


def nearest_in_each(queries: Tensor, table: Tensor, length: int) -> Tensor:
    """Distances of patches to their nearest patch in each image.

    Args:
        queries: (P, D).
        table: (D + 1, n · length), as :func:`table_of` makes it, on the same device.
        length: Patches of one image.

    Returns:
        (P, n).
    """
    # ‖a − b‖² = ‖a‖² − 2 (a·b − ½‖b‖²): the last is one product with one more column, and its largest
    # value is the nearest.
    extended = torch.cat([queries, torch.ones_like(queries[:, :1])], dim=1)
    images = max(1, PLACES[queries.device.type] // (len(queries) * length))
    largest = [
        (extended @ part).view(len(queries), -1, length).amax(dim=2)
        for part in table.split(images * length, dim=1)
    ]
    squares = queries.square().sum(dim=1, keepdim=True) - 2 * torch.cat(largest, dim=1)
    return squares.clamp_min(0).sqrt()


def table_of(patches: Tensor) -> Tensor:
    """(M, D) → (D + 1, M): the patches as columns, below them minus half their squared length."""
    return torch.cat([patches, -0.5 * patches.square().sum(dim=1, keepdim=True)], dim=1).T.contiguous()


def _kept(references: int, share: float) -> int:
    """How many smallest distances are worth keeping, when half of all references may be removed."""
    m = max(1.0, share * references)
    needed = references * (1 - NEGLIGIBLE ** (1 / m))
    return min(references, math.ceil(2 * needed) + 1)


def _suspicion(distances: Tensor, is_there: Tensor, others: int, share: float) -> Tensor:
    """The weighted mean of what is left of the kept distances: (P, K), (P, K) bool → (P,)."""
    is_there = is_there & distances.isfinite()
    rank = is_there.cumsum(dim=1) - 1
    table = torch.cat([weights(others, share, min(others, distances.shape[1])), torch.zeros(1)])
    weight = table[rank.clamp(0, len(table) - 1)] * is_there
    found = (distances.nan_to_num(posinf=0.0) * weight).sum(dim=1) / weight.sum(dim=1)
    # All its likes were removed: it is as far away as the last of them at least.
    furthest = distances.masked_fill(~distances.isfinite(), 0).amax(dim=1)
    return found.where(is_there.any(dim=1), furthest)
