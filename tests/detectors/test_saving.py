"""Checkpoints on a disk that is full: the system's error, whoever writes them."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from irp_lightning.detectors.checkpoint import add_calibration
from irp_lightning.detectors.conformal import calibrate
from irp_lightning.detectors.fit import _InPlace
from irp_lightning.detectors.saving import save_tensors
from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.runs.folder import RunFolder
from irp_lightning.runs.kept_cleaning import save_cleaning

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_full_disk_is_the_systems_error(size: int) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        save_tensors({"a": torch.zeros(size)}, FULL)
    assert caught.value.errno == errno.ENOSPC


def test_all_who_write_checkpoints_give_it(checkpoint: Path) -> None:
    calibration = calibrate(torch.arange(5.0), range(5), 0.2)
    writers: list[Callable[[], object]] = [
        lambda: save_cleaning(Cleaning(torch.ones(4, dtype=torch.bool)), FULL),
        lambda: add_calibration(checkpoint, calibration, FULL),
        lambda: _InPlace().save_checkpoint({"state_dict": {"w": torch.zeros(99)}}, FULL),
    ]
    for write in writers:
        with pytest.raises(OSError, match="No space left"):
            write()


def test_the_run_folder_says_which_disk(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^the disk of {tmp_path} is full; free some space"):
        RunFolder(tmp_path).write("checkpoints/last.ckpt", lambda _: save_tensors({}, FULL))
    assert not list((tmp_path / "checkpoints").iterdir())


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    save_tensors({"a": torch.arange(5)}, tmp_path / "a.ckpt")
    assert torch.equal(torch.load(tmp_path / "a.ckpt", weights_only=True)["a"], torch.arange(5))
