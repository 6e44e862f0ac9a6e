"""Similar images: the nearest kept image of a suspect, and groups of suspects to label in one click."""

import math
from collections.abc import Callable

import torch
from sklearn.cluster import AgglomerativeClustering
from torch import Tensor

__all__ = ["clusters", "descriptions", "look_alikes", "worst_patches"]

BATCH = 64
"""Images that are read at once."""

ALIKE = 0.25
"""Suspects whose worst patches lie nearer than this, in cosine distance, are alike."""

MOST_CLUSTERED = 2000
"""Suspects beyond these, the least suspicious ones, are left as clusters of their own."""

Vectors = Callable[[Tensor], Tensor]
"""Patches of some images: (B,) → (B, P, D)."""


def descriptions(vectors: Vectors, count: int) -> Tensor:
    """One vector for each image, the mean of its patches, standardised: (count, D)."""
    parts = torch.arange(count).split(BATCH)
    found = torch.cat([vectors(part).float().mean(dim=1).cpu() for part in parts])
    return (found - found.mean(dim=0)) / found.std(dim=0).clamp_min(1e-6)


def look_alikes(described: Tensor, kept: Tensor) -> Tensor:
    """The other kept image that each image is most like: (N, D), (N,) bool → (N,), int64."""
    candidates = kept.nonzero().flatten()
    apart = torch.cdist(described, described[candidates])
    apart = apart.masked_fill(candidates[None] == torch.arange(len(described))[:, None], torch.inf)
    return candidates[apart.argmin(dim=1)]


def worst_patches(
    vectors: Vectors, images: Tensor, maps: Tensor, patches: tuple[int, int] | None = None
) -> Tensor:
    """The patch of each image that stands out most.

    Args:
        vectors: Of the images.
        images: (M,), their numbers.
        maps: (M, h, w).
        patches: Rows and columns of patches; None: as many rows as columns.

    Returns:
        (M, D).
    """
    height, width = maps.shape[1:]
    found = []
    for part in torch.arange(len(images)).split(BATCH):
        shown = vectors(images[part]).float().cpu()
        side = math.isqrt(shown.shape[1])
        rows, columns = patches or (side, side)
        flat = maps[part].flatten(1).argmax(dim=1)
        # The middle of the map's patch, in the finer grid.
        row = ((flat // width + 0.5) * rows / height).long().clamp_max(rows - 1)
        column = ((flat % width + 0.5) * columns / width).long().clamp_max(columns - 1)
        found.append(shown[torch.arange(len(part)), row * columns + column])
    return torch.cat(found)


def clusters(worst: Tensor, ordinary: Tensor) -> Tensor:
    """Numbers of clusters of suspects whose worst patches are alike: (M, D) → (M,), int64.

    Args:
        worst: Of suspects, the most suspicious first.
        ordinary: (D,), the mean patch: what all pictures share says nothing.

    Returns:
        From 0 in order of first appearance.
    """
    count = len(worst)
    if count < 2:
        return torch.zeros(count, dtype=torch.long)
    unit = torch.nn.functional.normalize(worst[:MOST_CLUSTERED] - ordinary, dim=1)
    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=ALIKE
    )
    labels = model.fit_predict(unit.double().numpy()).tolist()
    labels += range(len(labels), count)
    number: dict[int, int] = {}
    return torch.tensor([number.setdefault(label, len(number)) for label in labels])
