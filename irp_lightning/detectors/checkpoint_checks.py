"""Checks of what a checkpoint says of its detector, before the detector is built."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from irp_lightning.features.untrusted import Damaged

__all__ = ["check_sizes", "check_views"]


def check_sizes(arguments: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Check a detector's whole numbers against its state, before it is built in outline.

    Args:
        arguments: The detector's, ``dim`` among them.
        state: Its parameters and buffers: they hold ``dim`` numbers for each block at least.

    Raises:
        Damaged: The state is smaller than that.
    """
    dim = arguments["dim"]
    if isinstance(dim, bool) or not isinstance(dim, int) or dim < 1:
        raise Damaged(f"dim={dim}, which is no length")
    there, blocks = sum(tensor.numel() for tensor in state.values()), arguments.get("n_blocks", 1)
    if dim > there:
        raise Damaged(f"dim={dim}, and its state holds {there} numbers")
    if isinstance(blocks, int) and (blocks > len(state) or dim * blocks > there):
        raise Damaged(f"n_blocks={blocks}, and its state holds {there} numbers")


def check_views(n_views: Any, n_vectors: int) -> None:
    """Check how many of an image's vectors a score is averaged over.

    Raises:
        Damaged: There are not as many.
    """
    if isinstance(n_views, bool) or not isinstance(n_views, int) or not 1 <= n_views <= n_vectors:
        raise Damaged(f"n_views={n_views} of {n_vectors}")
