"""Processes that fill one bank: they share the work, and a kill loses nothing that was whole."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from prepared_features import check, extractor, load, write_images

from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.image_features import LiveFeatures

pytestmark = pytest.mark.slow  # processes that are killed

EXTRACT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from prepared_features import load
paths = sorted(Path({pictures!r}).glob("*.png"))
print("ready", flush=True)
print(load(paths, Path({cache!r}))[1], flush=True)
"""


def start(pictures: Path, cache: Path) -> "subprocess.Popen[str]":
    code = EXTRACT.format(tests=str(Path(__file__).parents[1]), pictures=str(pictures), cache=str(cache))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    pictures = write_images(tmp_path / "pictures", 300)
    running = [start(tmp_path / "pictures", tmp_path / "cache") for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    extracted = [int(output[1]) for output in outputs]
    # At most a few images are in both their hands at the same moment.
    assert len(pictures) <= sum(extracted) <= 1.2 * len(pictures) + 10
    features, again, said = load(pictures, tmp_path / "cache")
    assert (again, said) == (0, [])
    check(
        features,
        LiveFeatures(pictures, extractor(), ThreadPoolExecutor(1)).scored(torch.arange(len(pictures))),
    )


def test_a_kill_in_the_middle_loses_nothing_that_was_whole(tmp_path: Path) -> None:
    pictures = write_images(tmp_path / "pictures", 400)
    process = start(tmp_path / "pictures", tmp_path / "cache")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    bank = FeatureBank(tmp_path / "cache", extractor().spec, "float32")
    deadline = time.monotonic() + 60
    while len(list(bank.images())) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    kept = len(list(bank.images()))
    assert 20 <= kept < 400
    features, extracted, said = load(pictures, tmp_path / "cache")
    assert extracted == 400 - kept
    assert said == []
    check(features, LiveFeatures(pictures, extractor(), ThreadPoolExecutor(1)).scored(torch.arange(400)))
