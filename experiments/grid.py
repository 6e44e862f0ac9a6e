"""A folder's grid as commands, and the cells that Hydra makes of them.

Folders share their cells: a cell is named by its overrides, all lie in one sweep folder, and a complete
cell is skipped. So whatever ``fig3`` has run, ``table2`` does not run again.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from irp_lightning.foundation.errors import InputError

__all__ = [
    "BATCH_SIZE",
    "DATASETS",
    "FOLDERS",
    "SWEEP",
    "Grid",
    "cells",
    "command",
    "key",
    "printable",
    "read_grid",
]

HERE = Path(__file__).parent
FOLDERS = ("table1", "table2", "fig3", "fig4", "fig5")
DATASETS = ("mvtec", "ksdd2")

SWEEP = "outputs/paper"
"""The one sweep folder of all five."""

BATCH_SIZE = 48
"""Of every cell: some have fewer training images than the paper's 96, and a table is of one detector."""

Overrides = list[str]


@dataclass(frozen=True)
class Grid:
    """What a folder wants to know, as in its ``grid.yaml``."""

    title: str
    noise: list[float]
    seed: list[int]
    datasets: dict[str, dict[str, list[str]]]


def read_grid(folder: str) -> Grid:
    """The grid of one of ``FOLDERS``."""
    return Grid(**yaml.safe_load((HERE / folder / "grid.yaml").read_text(encoding="utf-8")))


def command(grid: Grid, dataset: str, root: str, extra: Sequence[str]) -> Overrides:
    """The overrides of the command that runs a dataset's part of a grid.

    Args:
        grid: The folder's grid.
        dataset: ``"mvtec"`` or ``"ksdd2"``.
        root: Its folder.
        extra: The user's overrides; each takes the place of the kit's own of the same key.
    """
    values = {
        "experiment": f"+experiment={dataset}_noise",
        **{
            name: f"{name}={','.join(map(str, found))}"
            for name, found in (
                grid.datasets[dataset] | {"noise": grid.noise, "seed": grid.seed}
            ).items()
        },
        "batch_size": f"batch_size={BATCH_SIZE}",
        "sweep.name": "sweep.name=paper",
        "hydra.sweep.dir": f"hydra.sweep.dir={SWEEP}",
        "logger": "logger=csv",
        "checkpoint_seconds": "checkpoint_seconds=600",  # one has 2 GB
        "data.root": f"data.root={root}",
    } | {key(text): text for text in extra}
    return list(values.values())


def cells(overrides: Sequence[str]) -> list[Overrides]:
    """The overrides of each job of a command, as Hydra's own sweeper splits them."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [list(job) for job in jobs]


def printable(overrides: Sequence[str]) -> str:
    """A command to copy into a shell."""
    return shlex.join(["python", "-m", "irp_lightning.run", "-m", *overrides])


def key(override: str) -> str:
    """The key that an override sets.

    Raises:
        InputError: It is no override.
    """
    try:
        (parsed,) = OverridesParser.create().parse_overrides([override])
    except OverrideParseException as error:
        raise InputError(f"{override} is no override; write key=value") from error
    return str(parsed.key_or_group)
