"""Rank of this process among those that train one detector."""

import os

__all__ = ["local_rank"]


def local_rank() -> int:
    """This process's number on its machine: Lightning and Slurm tell it to those they start."""
    found = (os.environ.get(name) for name in ("LOCAL_RANK", "SLURM_LOCALID"))
    return next((int(rank) for rank in found if rank is not None), 0)
