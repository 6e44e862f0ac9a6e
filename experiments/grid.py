"""A folder's grid as commands, and the cells that Hydra makes of them.

Folders share their cells: a cell is named by its overrides, all lie in one sweep folder, and a complete
cell is skipped. So whatever ``fig3`` has run, ``table2`` does not run again.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from irp_lightning.errors import InputError

__all__ = [
    "DATASETS",
    "FOLDERS",
    "SWEEP",
    "Grid",
    "cells",
    "choices",
    "commands",
    "key",
    "printable",
    "read_grid",
]

HERE = Path(__file__).parent
FOLDERS = ("table1", "table2", "fig3", "fig4", "fig5")
DATASETS = ("mvtec", "ksdd2")

SWEEP = "outputs/paper"
"""The one sweep folder of all five."""

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


def commands(
    grid: Grid,
    dataset: str,
    root: str,
    extra: Sequence[str],
    fits: Callable[[str, float, int], bool],
    batch_size: int,
) -> list[Overrides]:
    """The overrides of every command that a dataset of a grid needs.

    One, unless the training set of some category at some noise is smaller than a batch, which a run
    refuses: these go into commands of their own, with the batch halved until it is not.

    Args:
        grid: The folder's grid.
        dataset: ``"mvtec"`` or ``"ksdd2"``.
        root: Its folder.
        extra: The user's overrides; each takes the place of the grid's own of the same key.
        fits: Whether a category, at a noise level, has as many training images as a batch.
        batch_size: Of the paper.
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
    if "batch_size" in values:
        return [list(values.values())]
    found = []
    categories, noises = choices(values["data.category"]), choices(values["noise"])
    for held, levels, batch in _blocks(categories, noises, fits, batch_size):
        block = values | {
            "data.category": f"data.category={','.join(held)}",
            "noise": f"noise={','.join(levels)}",
        }
        if batch != batch_size:
            block["batch_size"] = f"batch_size={batch}"
        found.append(list(block.values()))
    return found


def _blocks(
    categories: Sequence[str],
    noises: Sequence[str],
    fits: Callable[[str, float, int], bool],
    batch_size: int,
) -> list[tuple[list[str], list[str], int]]:
    """Rectangles of categories × noise levels that one batch size suits."""
    blocks: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for noise in noises:
        by_batch: dict[int, list[str]] = {}
        for category in categories:
            batch = batch_size
            while batch > 1 and not fits(category, float(noise), batch):
                batch //= 2
            by_batch.setdefault(batch, []).append(category)
        for batch, held in by_batch.items():
            blocks.setdefault((batch, tuple(held)), []).append(noise)
    return [
        (list(held), levels, batch)
        for (batch, held), levels in sorted(blocks.items(), key=lambda item: -item[0][0])
    ]


def cells(overrides: Sequence[str]) -> list[Overrides]:
    """The overrides of each job of a command, as Hydra's own sweeper splits them."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [list(job) for job in jobs]


def choices(override: str) -> list[str]:
    """The values that an override sweeps over; one, if it is no sweep."""
    (parsed,) = OverridesParser.create().parse_overrides([override])
    if parsed.is_sweep_override():
        return list(parsed.sweep_string_iterator())
    return [str(parsed.value())]


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
