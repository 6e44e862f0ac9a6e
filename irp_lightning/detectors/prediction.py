"""Scores of image files by a detector from a checkpoint."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.detectors.checkpoint import Loaded
from irp_lightning.detectors.new_photograph import Photograph, load_photograph
from irp_lightning.detectors.scoring import score_batch
from irp_lightning.foundation.errors import InputError

__all__ = ["score_files"]

BATCH_SIZE = 16


def score_files(
    loaded: Loaded,
    paths: Iterable[Path],
    max_pixels: int = MAX_PIXELS,
    note: Callable[[Path, Mapping[str, str]], object] = lambda path, differences: None,
) -> Iterator[tuple[Path, float | InputError]]:
    """Anomaly scores, higher is more anomalous, one after the other, in memory that does not grow.

    Args:
        loaded: The detector.
        paths: Image files; a few are read at a time.
        max_pixels: Larger images have no score.
        note: Called with each scored image and how it differs from training images, see
            :func:`irp_lightning.detectors.new_photograph.load_photograph`.

    Yields:
        ``(path, score)`` in order; for an image that has none, what is wrong with it instead.

    Raises:
        InputError: The detector does not give one score per image.
    """

    def load(path: Path) -> Photograph | InputError:
        try:
            return load_photograph(loaded, path, max_pixels)
        except InputError as error:
            return error

    with ThreadPoolExecutor(min(os.cpu_count() or 1, BATCH_SIZE)) as threads:
        for batch in _batches(paths):
            found = list(threads.map(load, batch))
            shown = [one.shown for one in found if not isinstance(one, InputError)]
            scores = iter(_scores(loaded, shown) if shown else ())
            for path, one in zip(batch, found, strict=True):
                if isinstance(one, InputError):
                    yield path, one
                    continue
                note(path, one.differences)
                yield path, next(scores)


def _batches(paths: Iterable[Path]) -> Iterator[list[Path]]:
    rest = iter(paths)
    while batch := list(islice(rest, BATCH_SIZE)):
        yield batch


@torch.no_grad()
def _scores(loaded: Loaded, shown: list[Tensor]) -> list[float | InputError]:
    extractor, device = loaded.extractor, loaded.device
    # Image by image: the memory of a batch's views would be hundreds of times that of its features.
    parts = [extractor(picture[None].to(device), extractor.angles[None]) for picture in shown]
    vectors = torch.cat(parts)
    return [
        score if math.isfinite(score) else InputError(f"its score is {score}, not a finite number")
        for score in score_batch(loaded.detector, vectors[:, : loaded.n_views]).tolist()
    ]
