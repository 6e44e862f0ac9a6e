"""The commands of the paper's parts, and the cells that they ask for."""

import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments" / "paper"))

import grid
import reproduce

NO_ROOTS = {"mvtec": None, "ksdd2": None}


def commands(part: str, *extra: str) -> list[list[str]]:
    return list(reproduce.plan(part, NO_ROOTS, extra).values())


@cache
def planned(part: str, *extra: str) -> list[list[str]]:
    return [cell for command in commands(part, *extra) for cell in grid.cells(command)]
