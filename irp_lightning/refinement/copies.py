"""Identical files are one photograph: copies share a score, a verdict and what becomes of them."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError

__all__ = ["any_copy", "number_copies", "shared_scores", "shared_verdicts"]


def number_copies(digests: Sequence[str]) -> Tensor:
    """A number for each image, the same for identical files: (N,), int64.

    >>> number_copies(["a", "b", "a"])
    tensor([0, 1, 0])
    """
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(digest, len(numbers)) for digest in digests])


def any_copy(mask: Tensor, copies: Tensor) -> Tensor:
    """Extend a mask to all copies of what it holds: (N,), bool → (N,), bool.

    Args:
        mask: (N,), bool.
        copies: (N,), int64, of :func:`number_copies`.
    """
    return torch.isin(copies, copies[mask])


def shared_scores(scores: Tensor, copies: Tensor) -> Tensor:
    """Give copies the highest score among them: (N,) → (N,).

    Copies score alike but for the last digit, which depends on the images beside them in a batch, and a
    threshold may be one of the scores.

    Args:
        scores: (N,); NaN where an image was not scored, which stays.
        copies: (N,), int64, of :func:`number_copies`.
    """
    found = scores.masked_fill(scores.isnan(), -torch.inf)
    highest = torch.full_like(found, -torch.inf).scatter_reduce(0, copies, found, "amax")
    return highest[copies].where(~scores.isnan(), scores)


def shared_verdicts(
    verdicts: Mapping[int, bool], copies: Tensor, names: Sequence[str]
) -> dict[int, bool]:
    """Extend what a review says of an image to its copies.

    Args:
        verdicts: By image: whether it is defective.
        copies: (N,), int64, of :func:`number_copies`.
        names: N, of the images, for messages.

    Raises:
        InputError: The review says different things of two copies.
    """
    said: dict[int, int] = {}
    for image, defective in verdicts.items():
        first = said.setdefault(int(copies[image]), image)
        if verdicts[first] != defective:
            bad, good = (image, first) if defective else (first, image)
            raise InputError(
                f"the review marks {names[bad]} as defective and its identical copy {names[good]} as "
                "normal; keep one of the rows"
            )
    return {i: verdicts[said[n]] for i, n in enumerate(copies.tolist()) if n in said}
