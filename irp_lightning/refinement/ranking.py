"""All training images in one ranking, by what is left of them; and what looks at them change."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.copies import any_copy, shared_scores
from irp_lightning.refinement.judgement import MIN_IMAGES, keep_worst
from irp_lightning.refinement.looks import best_cut
from irp_lightning.refinement.rounds import Round
from irp_lightning.refinement.scoring import Explains, Scorer

__all__ = ["Ranking", "follow", "rank"]


@dataclass(frozen=True)
class Ranking:
    """Scores of all images against the kept ones.

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


def rank(scorer: Scorer, active: Tensor, copies: Tensor) -> Ranking:
    """Score all images by what is active, with a scorer that explains itself.

    Args:
        scorer: Scores the images out of sample.
        active: (N,), bool.
        copies: (N,), int64: one number for identical files, which score alike.
    """
    scores = shared_scores(scorer(active).double(), copies)
    assert isinstance(scorer, Explains)  # checked before any work begins
    return Ranking(scores, scorer.explain(torch.arange(len(active))).float())


def follow(
    cleaning: Cleaning,
    ranking: Ranking,
    verdicts: Mapping[int, bool],
    copies: Tensor,
    trusted: Tensor,
) -> Cleaning:
    """Move the cut to where the verdicts of a review put it, and follow each verdict.

    Images of equal scores are on one side of the cut: where it would part them they stay. Of the images
    without a verdict half stay in any case, and three.

    Args:
        cleaning: What was removed without verdicts.
        ranking: Of all images, by what was kept.
        verdicts: By image: whether it is defective. A copy shares the verdict.
        copies: (N,), int64: one number for identical files.
        trusted: (N,), bool: images that stay, as their copies do, unless a verdict is ``defective``.

    Returns:
        One round, in which all goes that is to go.
    """
    began = time.perf_counter()
    order, count = ranking.order, len(ranking.scores)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(count))
    looks = {int(place[image]): verdict for image, verdict in verdicts.items()}
    cut = best_cut(count, int((~cleaning.active).sum()), looks)
    threshold = ranking.scores[order[cut]].item() if cut < count else 0.0
    defective, normal = (
        any_copy(torch.tensor([verdicts.get(i) is said for i in range(count)]), copies)
        for said in (True, False)
    )
    free = ~(defective | normal | any_copy(trusted, copies))
    # Few verdicts must not take all the rest along: half of what nobody has looked at stays.
    most = min(int(free.sum()) // 2, int(free.sum()) - MIN_IMAGES)
    removed = defective | keep_worst((ranking.scores > threshold) & free, ranking.scores, most)
    gone = removed.nonzero().flatten()
    gone = gone[ranking.scores[gone].argsort(descending=True, stable=True)]
    everything = torch.ones_like(removed)
    seconds = time.perf_counter() - began
    done = Round(
        number=0,
        active=everything,
        scores=ranking.scores,
        removed=removed,
        threshold=threshold,
        seconds=seconds,
    )
    return Cleaning(
        active=~removed, rounds=[done], converged=True, settled=True, maps=ranking.maps[gone]
    )
