"""Run the extractor over many image files, in constant memory."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from irp_lightning.data.images import load_square
from irp_lightning.features.extractor import ExtractorSpec, FeatureExtractor
from irp_lightning.features.picture_size import VIEWS_PER_PASS
from irp_lightning.foundation.errors import InputError

__all__ = ["default_workers", "extract"]

FEW_IMAGES = 32
"""Up to this many images are decoded in the main process: workers would take longer to start."""


def default_workers() -> int:
    """Decoding processes: one per processor but one, at most 8; the backbone needs the rest."""
    return max(1, min(8, (os.cpu_count() or 1) - 1))


class _Squares(Dataset[tuple[int, Tensor]]):
    """Decoded pictures by position; an empty tensor for those somebody else has done meanwhile."""

    def __init__(
        self, paths: list[Path], spec: ExtractorSpec, done: Callable[[int], bool] | None
    ) -> None:
        self.paths, self.spec, self.done = paths, spec, done

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[int, Tensor]:
        if self.done is not None and self.done(i):
            return i, torch.empty(0, dtype=torch.uint8)
        return i, load_square(self.paths[i], self.spec.image_size, self.spec.crop, self.spec.numbers)


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
        workers: Decoding processes; 0 decodes in this one.
        device: Where the backbone runs.
        compile: Run the backbone through ``torch.compile``: half a minute before the first image, and
            features that differ in their seventh digit.
        done: Asked right before an image is decoded; those for which it answers yes are left out.

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
    loader = DataLoader(
        _Squares(paths, extractor.spec, done),
        batch_size=per_batch,
        num_workers=workers if len(paths) > FEW_IMAGES else 0,
        collate_fn=_collate,
        pin_memory=device.type == "cuda",
        worker_init_fn=_leave_interrupts_to_the_main_process,
    )
    # disable=None: no bar where nobody watches, such as in a log file.
    bar = tqdm(total=len(paths), desc="features", unit="img", disable=None, leave=False)
    waiting: tuple[list[int], Tensor] | None = None
    with bar:
        for indices, images, seen in loader:
            ready = waiting
            waiting = None
            if indices:
                pictures = images.to(device, non_blocking=True)
                waiting = indices, _in_passes(extractor, pictures, angles)
            # The batch before is copied back while this one is computed.
            if ready is not None:
                yield from _checked(paths, *ready)
            bar.update(seen)
        if waiting is not None:
            yield from _checked(paths, *waiting)


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


def _leave_interrupts_to_the_main_process(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _collate(items: list[tuple[int, Tensor]]) -> tuple[list[int], Tensor, int]:
    todo = [(i, image) for i, image in items if image.numel()]
    images = torch.stack([image for _, image in todo]) if todo else torch.empty(0)
    return [i for i, _ in todo], images, len(items)
