"""Samples by their names, and a grouping as the pairs that share a group."""

from collections.abc import Hashable, Sequence
from itertools import combinations
from pathlib import Path

from irp_lightning.data.samples import Sample


def named_samples(*names: str, folder: Path = Path()) -> list[Sample]:
    return [Sample(folder / name, name, "train") for name in names]


def pairs(groups: Sequence[Hashable]) -> set[tuple[int, int]]:
    """The pairs of positions that share a group: a partition without its names."""
    return {(i, j) for i, j in combinations(range(len(groups)), 2) if groups[i] == groups[j]}
