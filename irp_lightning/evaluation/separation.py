"""How cleanly a run's removals split its training images: a criterion that needs no label."""

import torch
from torch import Tensor

__all__ = ["separation"]


def separation(scores: Tensor, removed: Tensor) -> float:
    """Share of the variance of log scores that lies between what was kept and what was removed.

    Otsu's criterion (IEEE Trans. SMC 1979) at the split that the refinement made. It favours removals
    that the final detector finds strange, and neither none nor half of the images. The removed images
    are strangers to that detector and the kept ones are not, which flatters every removal alike; it
    compares settings, and says nothing about how good a detector is.

    Args:
        scores: (N,), of all training images by the final detector. Where one is not positive, the
            scores themselves are taken, not their logarithms.
        removed: (N,), bool.

    Returns:
        In [0, 1]; 0 where nothing was removed, or what was removed scores no higher than the rest.
    """
    values = scores.double()
    if values.min() > 0:
        values = values.log()
    total = values.var(correction=0)
    share = removed.double().mean()
    if not 0 < share < 1 or total == 0:
        return 0.0
    gap = values[removed].mean() - values[~removed].mean()
    if gap <= 0:
        return 0.0
    # Rounding may lift the share of a perfect split above 1.
    return torch.clamp(share * (1 - share) * gap.square() / total, max=1.0).item()
