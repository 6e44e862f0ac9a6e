"""What a fit runs on: refused where it is not there, chosen as Lightning chooses it."""

from typing import Any

import pytest
import torch

from irp_lightning.detectors.config import TrainerConfig
from irp_lightning.detectors.devices import check_trainer, choose_device
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import load


def trainer(**values: Any) -> TrainerConfig:
    return load(TrainerConfig, {"accelerator": "auto", "devices": 1, "precision": "32-true", **values})


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with four CUDA devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("values", "rank", "device"),
    [
        ({}, None, "cuda:0"),
        ({"devices": [0]}, None, "cuda:0"),
        ({"devices": [1]}, None, "cuda:1"),
        ({"devices": [3], "accelerator": "gpu"}, None, "cuda:3"),
        ({"accelerator": "cpu"}, None, "cpu"),
        ({"strategy": "ddp", "devices": 2}, None, "cuda:0"),
        ({"strategy": "ddp", "devices": 4}, "2", "cuda:2"),
        ({"strategy": "ddp", "devices": 2, "accelerator": "cpu"}, "1", "cpu"),
        ({"devices": [1]}, "0", "cuda:1"),  # as Slurm tells every process its number
    ],
)
def test_features_lie_where_the_detector_is_fitted(
    values: dict[str, Any], rank: str | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOCAL_RANK", "SLURM_LOCALID"):
        monkeypatch.delenv(name, raising=False)
    if rank is not None:
        monkeypatch.setenv("SLURM_LOCALID", rank)
    check_trainer(trainer(**values))
    assert choose_device(trainer(**values)) == torch.device(device)


@pytest.mark.usefixtures("no_cuda")
def test_without_cuda_all_is_on_the_cpu() -> None:
    check_trainer(trainer())
    check_trainer(trainer(strategy="ddp", devices=2))
    check_trainer(trainer(accumulate_grad_batches=2, gradient_clip_val=1.0))
    assert choose_device(trainer()) == torch.device("cpu")


@pytest.mark.usefixtures("no_cuda")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"accelerator": "gpu"}, "accelerator=gpu but torch sees no CUDA device"),
        ({"devices": [0]}, r"devices=\[0\] lists CUDA devices"),
        ({"max_epochs": 3}, "max_epochs=3 cannot be set: the run sets it itself"),
        ({"callbacks": []}, "callbacks=.* the run sets it itself"),
        ({"foo": 3}, "foo=3 cannot be set: lightning.Trainer has no such argument"),
    ],
)
def test_what_is_not_there_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongValue, match=rf"^{message}"):
        check_trainer(trainer(**values))


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"devices": [4]}, r"devices=\[4\] is not there: CUDA devices are numbered 0 to 3"),
        ({"devices": 5, "strategy": "ddp"}, "devices=5 is more than the 4 CUDA devices"),
        ({"devices": [0], "accelerator": "cpu"}, r"devices=\[0\] lists CUDA devices"),
    ],
)
def test_devices_that_are_not_there_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongValue, match=f"^{message}"):
        check_trainer(trainer(**values))


@pytest.mark.parametrize("devices", [0, 2, -1, True, [], [0, 1], ["a"], [-1], [True], "1", "auto", None])
def test_a_run_uses_one_device(devices: object) -> None:
    with pytest.raises(WrongValue, match=r"^devices=.* a run uses one device"):
        trainer(devices=devices)


@pytest.mark.parametrize("devices", [0, 1, -1, True, [0, 1], [2], "2", None])
def test_several_processes_need_as_many_devices(devices: object) -> None:
    with pytest.raises(WrongValue, match=r"^devices=.* at least 2"):
        trainer(devices=devices, strategy="ddp")
