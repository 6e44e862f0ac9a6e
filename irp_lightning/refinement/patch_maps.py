"""Shared code of patch scorers: patches of two sizes, and one image score and map from their scores."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["grid_sides", "pool_patches", "relative_scores"]

WORST_PATCHES = 0.05
"""Share of an image's patches, the furthest ones, that its score is the mean of."""


ENOUGH = 10
"""Active images that a fold's own median is taken of; with fewer, that of all images is."""


def grid_sides(wanted: int, patches: int) -> tuple[int, ...]:
    """Patches per side of the grids that are looked at: small ones, and those of twice the side.

    A scratch fills few of the small ones; a stain or a bent part is more than one of them.

    Args:
        wanted: The finer grid's.
        patches: At hand: finer ones would be copies.

    >>> grid_sides(10, 400), grid_sides(10, 16), grid_sides(1, 400)
    ((10, 5), (4, 2), (1,))
    """
    finest = min(wanted, math.isqrt(patches))
    return tuple(dict.fromkeys([finest, max(1, finest // 2)]))


def pool_patches(vectors: Tensor, views: int, sides: Sequence[int]) -> list[Tensor]:
    """Average neighbours: (B, views · side², D) → for each grid (B, views · its patches, D)."""
    count, length, dim = vectors.shape
    side = math.isqrt(length // views)
    maps = vectors.view(count * views, side, side, dim).permute(0, 3, 1, 2)
    pooled = [F.adaptive_avg_pool2d(maps, grid).flatten(2).transpose(1, 2) for grid in sides]
    return [p.reshape(count, views * grid**2, dim) for p, grid in zip(pooled, sides, strict=True)]


def relative_scores(maps: Sequence[Tensor], active: Tensor, fold: Tensor) -> tuple[Tensor, Tensor]:
    """One score and one map of each image, in units of an ordinary image's score.

    An image's score in a grid is the mean of its furthest patches, divided by the median of what is
    active in its fold: different models measure differently. (Few images' median would be their own
    scores: there it is that of all.) The grids' scores are averaged.

    Args:
        maps: For each grid the patches' scores: (N, side²), at least 0, on the CPU.
        active: (N,), bool.
        fold: (N,), int64: images that one model has scored.

    Returns:
        Scores (N,), float64, positive, and maps (N, side, side) of the first grid's side.
    """
    total, total_map = torch.zeros(len(active), dtype=torch.double), torch.zeros(1)
    for found in maps:
        worst = max(1, round(WORST_PATCHES * found.shape[1]))
        scores = found.topk(worst, dim=1).values.mean(dim=1).double()
        ordinary = torch.ones_like(scores)
        for k in fold.unique():
            here = fold == k
            compared = here & active if (here & active).sum() >= ENOUGH else active
            ordinary[here] = scores[compared].median().clamp_min(1e-12)
        # An image that is there twice, in two groups, is ordinary, and not infinitely so.
        total += (scores / ordinary).clamp_min(1e-3)
        side = math.isqrt(found.shape[1])
        squares = (found / ordinary[:, None]).float().view(-1, 1, side, side)
        total_map = total_map + F.interpolate(squares, math.isqrt(maps[0].shape[1]))[:, 0]
    return total / len(maps), total_map / len(maps)
