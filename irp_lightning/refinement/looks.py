"""What a few looks say about where defects end in a ranking, and which look would say most.

Images are ranked, the worst first; those before some cut are taken for defects. Where the cut should be
is searched as in a noisy bisection (Horstein: *Sequential transmission using noiseless feedback*, IEEE
Trans. Information Theory 1963): each look is at the middle of what is still believed, and moves the
belief.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["belief", "best_cut", "next_look"]

RIGHT = 0.85
"""How likely an image on either side of the cut is what that side says."""

SPREAD = 0.7
"""Of the belief before any look, about the rule's own cut, on a logarithmic scale."""


def belief(count: int, expected: int, looks: Mapping[int, bool]) -> Tensor:
    """Probability of each cut.

    Args:
        count: Images in the ranking.
        expected: How many the rule has taken for defects.
        looks: By rank, from 0: whether the image turned out to be defective.

    Returns:
        (count + 1,), float64, their sum 1: of a cut of 0, 1, … images.
    """
    cuts = torch.arange(count + 1, dtype=torch.double)
    logs = ((cuts + 1) / (expected + 1)).log()
    found = -logs.abs() / SPREAD - (cuts + 1).log()
    for rank, defective in looks.items():
        agrees = (rank < cuts) == defective
        found = found + torch.where(agrees, RIGHT, 1 - RIGHT).log()
    return torch.softmax(found, dim=0)


def best_cut(count: int, expected: int, looks: Mapping[int, bool]) -> int:
    """The middle of what is believed: as many images are to go. The rule's own, where nobody looked."""
    if not looks:
        return expected
    return int(torch.searchsorted(belief(count, expected, looks).cumsum(0), 0.5 - 1e-9))


def next_look(count: int, expected: int, looks: Mapping[int, bool]) -> int | None:
    """The rank to look at next: nearest to the cut; None where all were seen."""
    cut = best_cut(count, expected, looks)
    unseen = [rank for rank in range(count) if rank not in looks]
    return min(unseen, key=lambda rank: (abs(rank + 0.5 - cut), rank), default=None)
