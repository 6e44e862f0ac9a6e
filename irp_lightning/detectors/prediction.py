"""Scores of image files by a detector from a checkpoint."""

import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.headers import bounded_header
from irp_lightning.detectors.checkpoint import Loaded
from irp_lightning.detectors.scoring import score_batch
from irp_lightning.features.image_features import ImageFeatures, LiveFeatures
from irp_lightning.foundation.errors import InputError

__all__ = ["score_files"]

BATCH_SIZE = 16


def score_files(
    loaded: Loaded, paths: Iterable[Path], max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[Path, float | InputError]]:
    """Anomaly scores, higher is more anomalous, one after the other, in memory that does not grow.

    Args:
        loaded: The detector.
        paths: Image files; they are asked for a few at a time.
        max_pixels: Larger images have no score.

    Yields:
        ``(path, score)`` in order; for an image that has none, what is wrong with it instead.

    Raises:
        InputError: The detector does not give one score per image.
    """
    with ThreadPoolExecutor(min(os.cpu_count() or 1, BATCH_SIZE)) as threads:
        for batch in _batches(paths):
            features = LiveFeatures(batch, loaded.extractor, threads)
            refused = [_refusal(path, max_pixels) for path in batch]
            positions = torch.tensor([i for i, error in enumerate(refused) if error is None])
            scores = iter(_scores(loaded, features, positions) if len(positions) else ())
            for path, error in zip(batch, refused, strict=True):
                yield path, error or next(scores)


def _batches(paths: Iterable[Path]) -> Iterator[list[Path]]:
    rest = iter(paths)
    while batch := list(islice(rest, BATCH_SIZE)):
        yield batch


def _refusal(path: Path, max_pixels: int) -> InputError | None:
    """Why an image is not decoded at all."""
    if "\0" in str(path):
        return InputError("holds a zero byte, as no file's name does; give names one a line")
    try:
        bounded_header(path, max_pixels, "--max-pixels ")
    except InputError as error:
        return error
    return None


@torch.no_grad()
def _scores(loaded: Loaded, features: ImageFeatures, positions: Tensor) -> list[float | InputError]:
    try:
        vectors = features.scored(positions)[:, : loaded.n_views]
    except InputError as error:
        if len(positions) == 1:
            return [error]
        # One of them: the others have a score.
        return [found for one in positions.split(1) for found in _scores(loaded, features, one)]
    return [
        score if math.isfinite(score) else InputError(f"its score is {score}, not a finite number")
        for score in score_batch(loaded.detector, vectors).tolist()
    ]
