"""Shared code of patch scorers: patches of two sizes, and one image score and map from their scores."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Grid", "grids_of", "pool_patches", "relative_scores"]

WORST_PATCHES = 0.05
"""Share of an image's patches, the furthest ones, that its score is the mean of."""


ENOUGH = 10
"""Active images that a fold's own median is taken of; with fewer, that of all images is."""


Grid = tuple[int, int]
"""Rows and columns of patches."""


def grids_of(wanted: int, patches: Grid) -> tuple[Grid, ...]:
    """The grids that are looked at: small patches, and those of twice the side.

    A scratch fills few of the small ones; a stain or a bent part is more than one of them.

    Args:
        wanted: Patches a side of the finer grid, were it a square.
        patches: The grid at hand: a finer one would hold copies.

    >>> grids_of(10, (20, 20)), grids_of(10, (4, 4)), grids_of(1, (20, 20)), grids_of(10, (10, 36))
    (((10, 10), (5, 5)), ((4, 4), (2, 2)), ((1, 1),), ((5, 18), (2, 9)))
    """
    coarser = max(1.0, math.sqrt(math.prod(patches)) / wanted)
    if patches[0] != patches[1]:  # its size is about a square's: whole neighbourhoods are averaged
        coarser = round(coarser)
    finest = _shrunk(patches, coarser)
    return tuple(dict.fromkeys([finest, _shrunk(finest, 2)]))


def _shrunk(grid: Grid, by: float) -> Grid:
    rows, columns = (max(1, math.floor(side / by + 1e-9)) for side in grid)
    return rows, columns


def pool_patches(vectors: Tensor, views: int, patches: Grid, grids: Sequence[Grid]) -> list[Tensor]:
    """Average neighbours: (B, views · rows · columns, D) → for each grid (B, views · its patches, D)."""
    count, _, dim = vectors.shape
    maps = vectors.view(count * views, *patches, dim).permute(0, 3, 1, 2)
    pooled = [F.adaptive_avg_pool2d(maps, grid).flatten(2).transpose(1, 2) for grid in grids]
    return [p.reshape(count, views * math.prod(g), dim) for p, g in zip(pooled, grids, strict=True)]


def relative_scores(
    maps: Sequence[Tensor], grids: Sequence[Grid], active: Tensor, fold: Tensor
) -> tuple[Tensor, Tensor]:
    """One score and one map of each image, in units of an ordinary image's score.

    An image's score in a grid is the mean of its furthest patches, divided by the median of what is
    active in its fold: different models measure differently. (Few images' median would be their own
    scores: there it is that of all.) The grids' scores are averaged.

    Args:
        maps: For each grid the patches' scores: (N, rows · columns), at least 0, on the CPU.
        grids: Rows and columns of each.
        active: (N,), bool.
        fold: (N,), int64: images that one model has scored.

    Returns:
        Scores (N,), float64, positive, and maps (N, rows, columns) of the first grid.
    """
    total, total_map = torch.zeros(len(active), dtype=torch.double), torch.zeros(1)
    for found, grid in zip(maps, grids, strict=True):
        worst = max(1, round(WORST_PATCHES * found.shape[1]))
        scores = found.topk(worst, dim=1).values.mean(dim=1).double()
        ordinary = torch.ones_like(scores)
        for k in fold.unique():
            here = fold == k
            compared = here & active if (here & active).sum() >= ENOUGH else active
            ordinary[here] = scores[compared].median().clamp_min(1e-12)
        # An image that is there twice, in two groups, is ordinary, and not infinitely so.
        total += (scores / ordinary).clamp_min(1e-3)
        relative = (found / ordinary[:, None]).float().view(-1, 1, *grid)
        total_map = total_map + F.interpolate(relative, grids[0])[:, 0]
    return total / len(maps), total_map / len(maps)
