"""Time functions against each other within one process: in turn, after a warm-up, by medians."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common.tables import write_rows
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


def medians(
    functions: Mapping[str, Callable[[], Any]],
    repeats: int,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of each function; A B A B …, so that a drifting machine drifts for all."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(warmup + repeats):
        for name, function in functions.items():
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            began = clock()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn >= warmup:
                seconds[name].append(clock() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def report(title: str, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Print rows as a table and write them to ``results/NAME.csv``."""
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(soft_wrap=True).print(table)
    write_rows(RESULTS / f"{name}.csv", rows)
