"""The processes of one run, where there are several: each scores its part, all know the whole."""

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["from_first", "gather_parts", "rank_and_count"]


def rank_and_count() -> tuple[int, int]:
    """This process's rank, and how many there are; 0 and 1 outside distributed training."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def gather_parts(part: Tensor) -> Tensor:
    """Put together what each process computed of a whole.

    Args:
        part: (N_r,), on the CPU: of the elements ``rank::count`` of the whole, this process's.

    Returns:
        (N,): the same on every process, each element once.
    """
    _, count = rank_and_count()
    if count == 1:
        return part
    parts: list[Tensor] = [part] * count
    dist.all_gather_object(parts, part)
    whole = part.new_empty(sum(map(len, parts)))
    for rank, values in enumerate(parts):
        whole[rank::count] = values
    return whole


def from_first(compute: Callable[[], Tensor]) -> Tensor:
    """What the first process computes, on all of them: decisions must not hang on a last bit."""
    rank, count = rank_and_count()
    if count == 1:
        return compute()
    # An error must reach all, or the others would wait for ever.
    found: list[Tensor | Exception | None] = [None]
    if rank == 0:
        try:
            found = [compute()]
        except Exception as error:
            found = [error]
    dist.broadcast_object_list(found, src=0)
    if isinstance(found[0], Exception):
        raise found[0]
    assert isinstance(found[0], torch.Tensor)
    return found[0]
