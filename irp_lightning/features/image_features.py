"""Sources of feature batches: memory, the bank's files, or the images themselves.

All three answer the same two questions, so that whatever trains and scores on them cannot tell them
apart: which views does training draw, and which views are scored. The features of patches have patches
where others have views.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.extractor import FeatureExtractor

__all__ = ["BankFeatures", "ImageFeatures", "LiveFeatures", "ResidentFeatures"]

ALL = slice(None)


class ImageFeatures(Protocol):
    """Features of a fixed list of images.

    Attributes:
        dim: Length D of a feature vector.
        n_views: Number V of fixed views.
    """

    dim: int
    n_views: int

    def scored(self, positions: Tensor) -> Tensor:
        """All fixed views of some images: (B,) positions → (B, V, D)."""
        ...

    def drawn(
        self, positions: Tensor, count: int, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        """``count`` views of each image, drawn anew: (B,) positions → (B, count, D).

        With ``share``, of those images alone; the draw is the same whichever are asked for.
        """
        ...


def _draw_views(images: int, n_views: int, count: int, generator: torch.Generator) -> Tensor:
    """``count`` different views for each image: (images, count)."""
    return torch.rand(images, n_views, generator=generator).argsort(dim=1)[:, :count]


class ResidentFeatures:
    """Features held in the memory of a device: batches are one gather.

    Args:
        features: (N, V, D).
    """

    def __init__(self, features: Tensor) -> None:
        self.features = features
        _, self.n_views, self.dim = features.shape

    def scored(self, positions: Tensor) -> Tensor:
        return self.features[positions.to(self.features.device)]

    def drawn(
        self, positions: Tensor, count: int, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        views = _draw_views(len(positions), self.n_views, count, generator)
        rows = views + positions[:, None] * self.n_views
        flat = self.features.view(-1, self.dim)
        return flat[rows[share].to(flat.device)]


class BankFeatures:
    """Features read from the bank's files batch by batch, where they do not fit into memory.

    Args:
        bank: Holds an entry for every image.
        hashes: The digest of each image's content.
        dim: Length of a feature vector.
        n_views: Number of views.
    """

    def __init__(self, bank: FeatureBank, hashes: Sequence[str], dim: int, n_views: int) -> None:
        self.bank, self.hashes, self.dim, self.n_views = bank, hashes, dim, n_views

    def scored(self, positions: Tensor) -> Tensor:
        if not len(positions):
            return torch.empty(0, self.n_views, self.dim)
        return torch.stack([self._read(i) for i in positions.tolist()])

    def drawn(
        self, positions: Tensor, count: int, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        views = _draw_views(len(positions), self.n_views, count, generator)[share]
        return self.scored(positions[share])[torch.arange(len(views))[:, None], views]

    def _read(self, position: int) -> Tensor:
        image = self.hashes[position]
        features = self.bank.read(image)
        if features is None:
            raise RuntimeError(
                f"the feature bank lost the entry {self.bank.file(image)} while it was in use; run "
                "again to compute it anew"
            )
        return features


class LiveFeatures:
    """Features computed when they are asked for: training sees angles no other epoch has seen.

    This is the original's way, and pays for the backbone at every step.

    Args:
        paths: Image files.
        extractor: Runs on the device it lies on.
        threads: Decode the images.
    """

    def __init__(self, paths: Sequence[Path], extractor: FeatureExtractor, threads: Executor) -> None:
        self.paths, self.extractor, self.threads = paths, extractor, threads
        self.n_views = extractor.spec.n_vectors
        self.dim = extractor.dim

    def scored(self, positions: Tensor) -> Tensor:
        return self._extract(positions, self.extractor.angles.expand(len(positions), -1))

    def drawn(
        self, positions: Tensor, count: int, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        angles = torch.rand(len(positions), count, generator=generator) * 360
        return self._extract(positions[share], angles[share])

    def _extract(self, positions: Tensor, angles: Tensor) -> Tensor:
        spec, device = self.extractor.spec, self.extractor.mean.device
        paths = [self.paths[i] for i in positions.tolist()]
        # Image by image: the memory of a batch's pictures would be hundreds of times its features'.
        parts = [
            self.extractor(shown[None].to(device), angle[None])
            for shown, angle in zip(self.threads.map(self.extractor.load, paths), angles, strict=True)
        ]
        vectors = angles.shape[1] * math.prod(spec.patches)
        return torch.cat([torch.empty(0, vectors, self.dim, device=device), *parts])
