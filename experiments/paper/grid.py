"""A part's grid as commands, and the cells that Hydra makes of them.

The parts share their cells: a cell is named by its overrides, all lie in one sweep folder, and a
complete cell is skipped. So whatever ``fig3`` has run, ``table2`` does not run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from irp_lightning.foundation.errors import InputError
from irp_lightning.sweeps.idle import key_of

__all__ = ["DATASETS", "PARTS", "SWEEP", "Grid", "cells", "key", "overrides_of"]

DATASETS = ("mvtec", "ksdd2")

SWEEP = "outputs/paper"
"""The one sweep folder of all parts."""


@dataclass(frozen=True)
class Grid:
    """What a part of the paper wants to know, as in ``grid.yaml``."""

    title: str
    noise: list[float]
    seed: list[int]
    datasets: dict[str, dict[str, list[str]]]


PARTS = {
    part: Grid(**values)
    for part, values in yaml.safe_load(
        Path(__file__).with_name("grid.yaml").read_text(encoding="utf-8")
    ).items()
}
"""The paper's tables and figures."""


def overrides_of(grid: Grid, dataset: str, root: str, extra: Sequence[str]) -> list[str]:
    """The overrides of the command that runs a dataset's cells.

    Args:
        grid: The part's.
        dataset: One of ``DATASETS``.
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
        "sweep.name": "sweep.name=paper",
        "hydra.sweep.dir": f"hydra.sweep.dir={SWEEP}",
        "logger": "logger=csv",
        "checkpoint_seconds": "checkpoint_seconds=600",  # one has 2 GB
        "data.root": f"data.root={root}",
    } | {key(text): text for text in extra}
    return list(values.values())


def cells(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of each job of a command, as Hydra's own sweeper splits them."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [list(job) for job in jobs]


def key(override: str) -> str:
    """The key that an override sets.

    Raises:
        InputError: It is no override.
    """
    try:
        return key_of(override)
    except HydraException as error:
        raise InputError(f"{override} is no override; write key=value") from error
