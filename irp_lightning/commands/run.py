"""Run one experiment, or a sweep of them: ``irp-lightning run +experiment=demo``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hydra
from omegaconf import DictConfig

from irp_lightning.config.compose import checked
from irp_lightning.config.files import CONF, choices, choices_text, values_text
from irp_lightning.sweeps.command_line import run_command, run_job

__all__ = ["main", "run_composed"]


HELP = """\
Train an image anomaly detector on data that nobody has cleaned.

irp-lightning run +experiment=demo               no dataset, no network needed
irp-lightning run +experiment=mvtec_noise noise=0.3 data.root=DIR data.category=bottle
irp-lightning run -m +experiment=mvtec_noise noise=0,0.1,0.3 refine=irp lam=1.5,2

== Choices (group=choice); irp-lightning run group=choice --help shows the values of one, as group.key ==
{choices}

== Values (key=value) ==
{values}

Hydra's own options: --hydra-help
"""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def job(cfg: DictConfig) -> float:
    """Entry point for Hydra: a command's run, or one cell of its sweep."""
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
    given = sys.argv[1:] if arguments is None else arguments
    if not {"-h", "--help"}.isdisjoint(given):
        print(_help(given))
    elif arguments is None:
        run_command(job)
    else:
        with patch.object(sys, "argv", [sys.argv[0], *arguments]):  # Hydra reads nothing else
            run_command(job)


def _help(arguments: Sequence[str]) -> str:
    """The values of the choices that are given, or of the whole configuration."""
    given = (argument.lstrip("+").partition("=") for argument in arguments)
    chosen = [(group.partition("@")[0], choice) for group, _, choice in given]
    shown = [values_text(group, choice) for group, choice in chosen if choice in choices(group)]
    return "\n\n".join(shown) or HELP.format(choices=choices_text(), values=values_text())
