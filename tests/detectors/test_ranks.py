"""Parts of a whole, put together by real processes."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from irp_lightning.detectors.ranks import from_first, gather_parts, rank_and_count


def _process(rank: int, count: int, size: int, file: str, results: Any) -> None:
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=count)
    whole = torch.arange(size, dtype=torch.float32)
    gathered = gather_parts(whole[rank::count])
    decided = from_first(lambda: torch.tensor([rank]))
    try:
        from_first(lambda: torch.zeros(1) if rank else 1 / 0)  # type: ignore[arg-type, return-value]
        error = ""
    except ZeroDivisionError as found:
        error = str(found)
    results.put((gathered.tolist(), decided.tolist(), error, rank_and_count()))
    dist.destroy_process_group()


@pytest.mark.parametrize("size", [1, 7])
def test_every_process_gets_the_whole_and_the_first_one_decides(size: int, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [
        context.Process(target=_process, args=(rank, 3, size, str(tmp_path / "meet"), results))
        for rank in range(3)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert all(f[:3] == (list(range(size)), [0], "division by zero") for f in found)
    assert sorted(f[3] for f in found) == [(0, 3), (1, 3), (2, 3)]


def test_alone_a_part_is_the_whole() -> None:
    assert gather_parts(torch.tensor([3.0, 1.0])).tolist() == [3, 1]
    assert from_first(lambda: torch.tensor([2])).tolist() == [2]
    assert rank_and_count() == (0, 1)
