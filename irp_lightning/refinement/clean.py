"""Remove images before a detector is fitted: score them by models that never saw them, judge, repeat."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.copies import any_copy, shared_scores
from irp_lightning.refinement.judgement import Pruning, is_over, judge
from irp_lightning.refinement.rounds import Round
from irp_lightning.refinement.scoring import Explains, Scorer

__all__ = ["Cleaning", "clean"]


@dataclass(frozen=True)
class Cleaning:
    """Progress of a removal.

    Attributes:
        active: (N,), bool: the images that are left.
        rounds: What happened, round by round.
        converged: Whether the last scoring found nothing to remove; None where there was none.
        settled: Whether nothing more will be removed.
        maps: (R, h, w), of the removed images in the order of their removal, the highest scores of a
            round first: where the scores that removed them come from; None where the scorer has none.
    """

    active: Tensor
    rounds: list[Round] = field(default_factory=list)
    converged: bool | None = None
    settled: bool = False
    maps: Tensor | None = None


def clean(
    scorer: Scorer,
    pruning: Pruning,
    begun: Cleaning,
    *,
    copies: Tensor | None = None,
    trusted: Tensor | None = None,
    after_round: Callable[[Cleaning], None] = lambda cleaning: None,
) -> Cleaning:
    """Score, judge and prune until nothing stands out, or for ``max_rounds``.

    A round depends on what is active alone, so that one that was stopped finds the same again.

    Args:
        scorer: Scores all images by what is active.
        pruning: The rule, what it removes, and when to stop.
        begun: Where to begin or resume: all images active at first.
        copies: (N,), int64: one number for identical files, which go or stay together; None: no two are.
        trusted: (N,), bool: images that are never removed, nor their copies.
        after_round: Called after each round, to keep what was found.

    Raises:
        InputError: The rule cannot judge the scores, or they are not one for each image.
    """
    cleaning = begun
    if copies is None:
        copies = torch.arange(len(begun.active))
    if trusted is not None:
        trusted = any_copy(trusted, copies)
    while not cleaning.settled:
        start = time.perf_counter()
        active, rounds = cleaning.active, cleaning.rounds
        scores = shared_scores(_scores(scorer, active), copies).masked_fill(~active, torch.nan)
        found = judge(scores, active, pruning)
        if trusted is not None:
            left = found.removed & ~trusted
            # Where only trusted images stand out there is nothing to remove.
            is_done = found.converged or bool(found.removed.any() and not left.any())
            found = replace(found, removed=left, converged=is_done)
        seconds = time.perf_counter() - start
        done = Round(
            number=len(rounds),
            active=active,
            scores=scores,
            removed=found.removed,
            threshold=found.threshold,
            seconds=seconds,
        )
        cleaning = Cleaning(
            active=active & ~found.removed,
            rounds=[*rounds, done],
            converged=found.converged,
            settled=is_over(found, rounds, pruning.patience) or len(rounds) + 1 == pruning.max_rounds,
            maps=_maps(scorer, cleaning.maps, scores, found.removed),
        )
        after_round(cleaning)
    return cleaning


def _scores(scorer: Scorer, active: Tensor) -> Tensor:
    scores = scorer(active)
    shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    if shape != tuple(active.shape):
        raise InputError(
            f"{type(scorer).__name__} gave {shape} for {len(active)} training images; it must give one "
            f"score per image, {tuple(active.shape)}"
        )
    return scores


def _maps(scorer: Scorer, before: Tensor | None, scores: Tensor, removed: Tensor) -> Tensor | None:
    if not isinstance(scorer, Explains) or not removed.any():
        return before
    images = removed.nonzero().flatten()
    ranked = images[scores[images].argsort(descending=True, stable=True)]
    maps = scorer.explain(ranked).float()
    return maps if before is None else torch.cat([before, maps])
