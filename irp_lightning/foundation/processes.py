"""Which of the processes that train one detector together this is."""

import os

from omegaconf import DictConfig

__all__ = ["is_distributed", "is_first_process", "local_rank"]


def is_distributed(trainer: DictConfig) -> bool:
    """Whether several processes train one detector together."""
    return trainer.get("strategy", "auto") == "ddp"


def is_first_process(trainer: DictConfig) -> bool:
    """Whether this process writes the run folder."""
    return not is_distributed(trainer) or local_rank() == 0


def local_rank() -> int:
    """This process's number on its machine: Lightning and Slurm tell it to those they start."""
    found = (os.environ.get(name) for name in ("LOCAL_RANK", "SLURM_LOCALID"))
    return next((int(rank) for rank in found if rank is not None), 0)
