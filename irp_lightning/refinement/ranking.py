"""All training images in one ranking, by what is left of them; and what looks at them change."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.looks import best_cut
from irp_lightning.refinement.rounds import Round
from irp_lightning.refinement.scoring import Explains, Scorer

__all__ = ["Ranking", "follow", "rank"]


@dataclass(frozen=True)
class Ranking:
    """How each image scores when it is held against what was kept.

    Attributes:
        scores: (N,), float64, out of sample; 1 is an ordinary image.
        maps: (N, h, w): where they come from.
    """

    scores: Tensor
    maps: Tensor

    @property
    def order(self) -> Tensor:
        """(N,), int64: the images, the most suspicious first."""
        return self.scores.argsort(descending=True, stable=True)


def rank(scorer: Scorer, active: Tensor) -> Ranking:
    """Score all images by what is active, (N,) bool, with a scorer that explains itself."""
    scores = scorer(active).double()
    assert isinstance(scorer, Explains)  # checked before any work begins
    return Ranking(scores, scorer.explain(torch.arange(len(active))).float())


def follow(
    cleaning: Cleaning, ranking: Ranking, verdicts: Mapping[int, bool], trusted: Tensor
) -> Cleaning:
    """Move the cut to where looks say, and follow each of them.

    Args:
        cleaning: What was removed without them.
        ranking: Of all images, by what was kept.
        verdicts: By image: whether it is defective.
        trusted: (N,), bool: images that stay, unless a look says that they are defective.

    Returns:
        One round, in which all goes that is to go.
    """
    began = time.perf_counter()
    order, count = ranking.order, len(ranking.scores)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(count))
    looks = {int(place[image]): defective for image, defective in verdicts.items()}
    cut = best_cut(count, int((~cleaning.active).sum()), looks)
    removed = torch.zeros(count, dtype=torch.bool)
    removed[order[:cut]] = True
    removed &= ~trusted
    for image, defective in verdicts.items():
        removed[image] = defective
    gone = removed.nonzero().flatten()
    gone = gone[ranking.scores[gone].argsort(descending=True, stable=True)]
    threshold = ranking.scores[order[cut]].item() if cut < count else 0.0
    everything = torch.ones_like(removed)
    seconds = time.perf_counter() - began
    done = Round(0, everything, ranking.scores, None, removed, threshold, seconds)
    return Cleaning(~removed, [done], True, True, ranking.maps[gone])
