"""Parts of a whole, put together by real processes."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from irp_lightning.detectors.processes import gather_parts, rank_and_count


def _process(rank: int, count: int, size: int, file: str, results: Any) -> None:
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=count)
    whole = torch.arange(size, dtype=torch.float32)
    results.put((gather_parts(whole[rank::count]).tolist(), rank_and_count()))
    dist.destroy_process_group()


@pytest.mark.parametrize("size", [1, 7])
def test_every_process_gets_the_whole(size: int, tmp_path: Path) -> None:
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
    assert all(whole == list(range(size)) for whole, _ in found)
    assert sorted(place for _, place in found) == [(0, 3), (1, 3), (2, 3)]


def test_alone_a_part_is_the_whole() -> None:
    assert gather_parts(torch.tensor([3.0, 1.0])).tolist() == [3, 1]
    assert rank_and_count() == (0, 1)
