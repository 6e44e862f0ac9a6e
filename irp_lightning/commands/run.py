"""Run one experiment, or a sweep of them: ``irp-lightning run +experiment=demo``."""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hydra
from omegaconf import DictConfig

from irp_lightning.config.compose import CONF, checked
from irp_lightning.sweeps.command_line import run_command, run_job

__all__ = ["main", "run_composed"]


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def job(cfg: DictConfig) -> float:
    """What Hydra runs: a command's run, or one cell of its sweep."""
    return run_job(cfg, run_composed)


def run_composed(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """Check a composed configuration and run it, see :func:`irp_lightning.pipeline.recipe.run`."""
    experiment = checked(cfg)
    # Here and not above: --help, refusals and complete cells need not wait for torch.
    from irp_lightning.pipeline.recipe import run

    return run(experiment, folder)


def main(arguments: list[str] | None = None) -> None:
    """The command line.

    Args:
        arguments: Without the program's name; None: the process's own.
    """
    if arguments is None:
        run_command(job)
        return
    with patch.object(sys, "argv", [sys.argv[0], *arguments]):  # Hydra reads nothing else
        run_command(job)
