"""The processes of one run, where there are several: each scores its part, all know the whole."""

import torch.distributed as dist
from torch import Tensor

__all__ = ["gather_parts", "rank_and_count"]


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
