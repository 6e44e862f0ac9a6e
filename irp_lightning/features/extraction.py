"""Run the extractor over many image files, in constant memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.memory import VIEWS_PER_PASS
from irp_lightning.foundation.errors import InputError

__all__ = ["default_workers", "extract"]

AHEAD = 2
"""So many images for each thread, or for each place of a batch, are decoded before their turn comes."""


def default_workers() -> int:
    """Decoding threads: one per processor but one, at most 8; the backbone needs the rest."""
    return max(1, min(8, (os.cpu_count() or 1) - 1))


def extract(
    paths: list[Path],
    extractor: FeatureExtractor,
    *,
    workers: int,
    device: torch.device,
    done: Callable[[int], bool] | None = None,
    compile: bool = False,
) -> Iterator[tuple[int, Tensor]]:
    """Features of the extractor's fixed views, image by image, behind a progress bar.

    On a CPU each image goes through the backbone on its own, so that its features do not depend, in
    their last bits, on the images beside it.

    Args:
        paths: Image files.
        extractor: What to run; it is moved to ``device``.
        workers: Threads that decode images ahead of the backbone; 0: none, and nothing is decoded ahead.
        device: Where the backbone runs.
        compile: Run the backbone through ``torch.compile``: half a minute before the first image, and
            features that differ in their seventh digit.
        done: Asked by a thread right before an image is decoded; where it answers yes the image is left
            out.

    Yields:
        ``(position in paths, (V, D) float32 on the CPU)``, in order.

    Raises:
        InputError: An image cannot be decoded, or the backbone makes no finite numbers of it.
    """
    extractor = extractor.to(device).eval()
    angles = extractor.angles[None]
    if compile:
        # Frozen: batch norms are folded into the convolutions. Each size of picture is compiled once.
        extractor.backbone.features.compile(dynamic=False, options={"freezing": True})
    per_batch = 1
    if device.type != "cpu":
        per_batch = max(1, VIEWS_PER_PASS["cuda"] // angles.shape[1])
    shown_of = partial(_shown, paths, extractor, done)
    pictures = _decoded(shown_of, len(paths), workers, ahead=AHEAD * max(workers, per_batch))
    # disable=None: no bar where nobody watches, such as in a log file.
    bar = tqdm(total=len(paths), desc="features", unit="img", disable=None, leave=False)
    waiting: tuple[list[int], Tensor] | None = None
    with bar, closing(pictures):
        while batch := list(islice(pictures, per_batch)):
            ready = waiting
            waiting = None
            todo = {i: shown for i, shown in batch if shown is not None}
            if todo:
                stacked = _on(device, torch.stack(list(todo.values())))
                waiting = list(todo), _in_passes(extractor, stacked, angles)
            # The batch before is copied back while this one is computed.
            if ready is not None:
                yield from _checked(paths, *ready)
            bar.update(len(batch))
        if waiting is not None:
            yield from _checked(paths, *waiting)


def _decoded(
    decode: Callable[[int], Tensor | None], count: int, threads: int, ahead: int
) -> Generator[tuple[int, Tensor | None], None, None]:
    """What ``decode`` makes of 0 to ``count`` - 1, in order, with at most ``ahead`` of them waiting.

    Threads and not processes: Pillow releases the interpreter lock while it decodes and resizes, and a
    caller may be a process that can have no children.
    """
    if threads == 0:
        yield from ((i, decode(i)) for i in range(count))
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    coming: deque[tuple[int, Future[Tensor | None]]] = deque()
    try:
        for i in range(count):
            coming.append((i, pool.submit(decode, i)))
            if len(coming) > ahead:
                first, shown = coming.popleft()
                yield first, shown.result()
        for first, shown in coming:
            yield first, shown.result()
    finally:  # at an error or an interrupt too: images that nobody waits for are not begun
        pool.shutdown(cancel_futures=True)


def _shown(
    paths: list[Path], extractor: FeatureExtractor, done: Callable[[int], bool] | None, i: int
) -> Tensor | None:
    """A decoded picture by position; None for one that somebody else has done meanwhile."""
    if done is not None and done(i):
        return None
    return extractor.load(paths[i])


def _on(device: torch.device, pictures: Tensor) -> Tensor:
    if device.type == "cuda":  # from pinned memory the copy does not wait for what is computed
        pictures = pictures.pin_memory()
    return pictures.to(device, non_blocking=True)


def _checked(paths: list[Path], indices: list[int], vectors: Tensor) -> Iterator[tuple[int, Tensor]]:
    for i, of_one in zip(indices, vectors.cpu(), strict=True):
        if not of_one.isfinite().all():
            raise InputError(
                f"{paths[i]}: the backbone's features of it are no finite numbers; set "
                "features.autocast=none, and check backbone.weights"
            )
        yield i, of_one


def _in_passes(extractor: FeatureExtractor, images: Tensor, angles: Tensor) -> Tensor:
    views = max(1, VIEWS_PER_PASS[images.device.type] // len(images))
    parts = [extractor(images, part.expand(len(images), -1)) for part in angles.split(views, dim=1)]
    return torch.cat(parts, dim=1)
