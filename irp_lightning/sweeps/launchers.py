"""Checks of launchers against runs."""

from typing import Any

from omegaconf import DictConfig

from irp_lightning.foundation.errors import InputError

__all__ = ["check_launcher"]


def check_launcher(trainer: DictConfig, launcher: Any) -> None:
    """Refuse to sweep runs of several processes with a launcher that would mix them up.

    Raises:
        InputError: The launcher starts one process a cell: Lightning would start the others by
            repeating the whole sweep.
    """
    if trainer.get("strategy") != "ddp":
        return
    if not str(launcher.get("_target_")).endswith(".SlurmLauncher"):
        raise InputError(
            f"trainer.strategy={trainer.strategy} in a sweep: each of its processes would repeat the "
            "whole sweep; use hydra/launcher=slurm hydra.launcher.tasks_per_node=N, or run single cells"
        )
    if launcher.tasks_per_node != trainer.devices:
        raise InputError(
            f"hydra.launcher.tasks_per_node={launcher.tasks_per_node} is not trainer.devices="
            f"{trainer.devices}: Slurm starts the processes; set both to the same number"
        )
