"""Score images with a detector: every image exactly once, no label in sight."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import lightning as L
import torch
from torch import Tensor, nn

from irp_lightning.detectors.contract import Detector
from irp_lightning.detectors.processes import gather_parts, rank_and_count
from irp_lightning.features.batches import ScoredBatches
from irp_lightning.foundation.errors import InputError

__all__ = ["evaluating", "score_batch", "score_images"]


@torch.no_grad()
def score_images(module: L.LightningModule, batches: Iterable[Any]) -> Tensor:
    """The scores of all images of some batches, in order.

    Where several processes train together, each scores a part of :class:`ScoredBatches`, every image
    once, and gets the scores of all; of other batches each process scores all.

    Args:
        module: A detector; it is scored in evaluation mode and left as it was.
        batches: Each is what ``score`` takes, or a tuple that begins with that, such as
            ``(features (B, K, D), index (B,))``.

    Returns:
        (N,), float32, on the CPU, finite.

    Raises:
        InputError: A score is NaN or infinite, or there is not one for each image.
    """
    shared = isinstance(batches, ScoredBatches)
    with evaluating(module):
        part = batches.part(*rank_and_count()) if isinstance(batches, ScoredBatches) else batches
        scores = [score_batch(module, _first(batch).to(module.device)).float().cpu() for batch in part]
    result = torch.cat([torch.empty(0), *scores])
    result = gather_parts(result) if shared else result
    wrong = int((~result.isfinite()).sum())
    if wrong:
        raise InputError(
            f"{wrong} of {len(result)} scores of {type(module).__name__} are not finite numbers: "
            "training diverged; lower the learning rate"
        )
    return result


def _first(batch: Any) -> Tensor:
    found: Tensor = batch[0] if isinstance(batch, tuple | list) else batch
    return found


def score_batch(module: L.LightningModule, features: Tensor) -> Tensor:
    """The scores of some images, one for each: (B, K, D) → (B,).

    Raises:
        InputError: The detector gave something of another shape.
    """
    scores = cast(Detector, module).score(features)
    if scores.shape != features.shape[:1]:
        raise InputError(
            f"{type(module).__name__}.score gave {tuple(scores.shape)} for {tuple(features.shape)} "
            f"features; it must give one score per image, {tuple(features.shape[:1])}"
        )
    return scores


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every submodule is in the mode it was in.

    ``module.train()`` would not do: part of a detector may be frozen, and always in evaluation mode.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
