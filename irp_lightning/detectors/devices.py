"""Device of a fit: checks that it exists, and chooses it."""

import inspect

import lightning as L
import torch

from irp_lightning.detectors.config import TrainerConfig
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.processes import local_rank

__all__ = ["check_trainer", "choose_device"]

OWNED = {
    *("max_epochs", "min_epochs", "max_steps", "reload_dataloaders_every_n_epochs"),
    *("callbacks", "plugins", "logger", "log_every_n_steps", "default_root_dir", "enable_checkpointing"),
    *("enable_model_summary", "enable_progress_bar", "use_distributed_sampler"),
    "num_nodes",
}
"""Arguments of Lightning's trainer that the run decides by its other values."""


def check_trainer(trainer: TrainerConfig) -> None:
    """Check what a fit runs on.

    Raises:
        WrongValue: An argument that Lightning's trainer does not have or that the run sets itself, or
            devices that are not there.
    """
    known = inspect.signature(L.Trainer).parameters
    for key, value in trainer.rest.items():
        if key in OWNED:
            raise WrongValue(key, value, "cannot be set: the run sets it itself; leave it out")
        if key not in known:
            raise WrongValue(
                key, value, "cannot be set: lightning.Trainer has no such argument; leave it out"
            )
    accelerator, devices = trainer.accelerator, trainer.devices
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise WrongValue(
            "accelerator", accelerator, "but torch sees no CUDA device; set it to auto or cpu"
        )
    if not _on_cuda(trainer):
        if isinstance(devices, list):
            raise WrongValue(
                "devices", devices, "lists CUDA devices, and the run is on a CPU; set it to 1"
            )
        return
    found = torch.cuda.device_count()
    if isinstance(devices, list) and devices[0] >= found:
        raise WrongValue("devices", devices, f"is not there: CUDA devices are numbered 0 to {found - 1}")
    if trainer.is_distributed and devices > found:
        raise WrongValue(
            "devices", devices, f"is more than the {found} CUDA devices there are; lower it"
        )


def choose_device(trainer: TrainerConfig) -> torch.device:
    """Where features lie and the detector is fitted: each process has one of its own."""
    if not _on_cuda(trainer):
        return torch.device("cpu")
    if trainer.is_distributed:
        return torch.device("cuda", local_rank())
    return torch.device("cuda", trainer.devices[0] if isinstance(trainer.devices, list) else 0)


def _on_cuda(trainer: TrainerConfig) -> bool:
    return trainer.accelerator != "cpu" and torch.cuda.is_available()
