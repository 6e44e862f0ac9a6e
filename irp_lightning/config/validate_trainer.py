"""Check how a run is computed: the trainer's arguments, its devices, and several processes."""

import inspect

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.processes import is_distributed

__all__ = ["validate_trainer"]

OWNED = {
    *("max_epochs", "min_epochs", "max_steps", "reload_dataloaders_every_n_epochs"),
    *("callbacks", "plugins", "logger", "log_every_n_steps", "default_root_dir", "enable_checkpointing"),
    *("enable_model_summary", "enable_progress_bar", "use_distributed_sampler"),
    "num_nodes",
}
"""Arguments of the trainer that ``epochs``, ``max_rounds`` and the rest decide."""


def validate_trainer(cfg: DictConfig) -> None:
    """Check ``trainer``, and what must agree with it.

    Raises:
        InputError: An argument that Lightning's trainer does not have or that the run sets itself,
            devices that are not there, or something that several processes cannot share.
    """
    trainer = cfg.trainer
    known = inspect.signature(L.Trainer).parameters
    for key in map(str, trainer):
        if key not in known or key in OWNED:
            reason = (
                "the run sets it itself" if key in OWNED else "lightning.Trainer has no such argument"
            )
            raise InputError(f"trainer.{key} cannot be set: {reason}; leave it out")
    accelerator, devices = trainer.accelerator, trainer.devices
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(
            f"trainer.accelerator={accelerator}, but torch sees no CUDA device; set it to auto or cpu"
        )
    if OmegaConf.is_list(devices) and (accelerator == "cpu" or not torch.cuda.is_available()):
        raise InputError(
            f"trainer.devices={devices} lists CUDA devices, and the run is on a CPU; set it to 1"
        )
    if is_distributed(trainer):
        _check_distributed(cfg)
        return
    if devices != 1 and not (OmegaConf.is_list(devices) and len(devices) == 1):
        raise InputError(
            f"trainer.devices={devices}: a run uses one device; set 1, or one index such as [0], "
            "or trainer=ddp for a large run on several"
        )


def _check_distributed(cfg: DictConfig) -> None:
    devices = cfg.trainer.devices
    if not isinstance(devices, int) or isinstance(devices, bool) or devices < 2:
        raise InputError(
            f"trainer.devices={devices} with trainer.strategy=ddp is not allowed; give a number of at "
            "least 2, or set trainer=default"
        )
    if cfg.trainer.accelerator != "cpu" and torch.cuda.is_available():
        found = torch.cuda.device_count()
        if devices > found:
            raise InputError(
                f"trainer.devices={devices} is more than the {found} CUDA devices there are; lower it"
            )
    if cfg.batch_size < devices:
        raise InputError(
            f"batch_size={cfg.batch_size} is too few for trainer.devices={devices}; raise it"
        )
    if cfg.refine.get("scoring") == "cross_fit":
        raise InputError(
            "refine.scoring=cross_fit fits detectors of its own and cannot share processes with "
            "trainer.strategy=ddp; set refine.scoring=local or in_sample, or trainer=default"
        )
    if cfg.features.cache != "bank":
        raise InputError(
            f"features.cache={cfg.features.cache} with trainer.strategy=ddp would extract all features "
            "in each process; set features.cache=bank"
        )
