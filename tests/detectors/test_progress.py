"""The bar over a fit: what it shows, and that it ends."""

import re
from typing import Any

import lightning as L
import pytest
import torch

from irp_lightning.detectors import progress
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.gaussian import Gaussian
from irp_lightning.detectors.progress import FitProgress
from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import ResidentFeatures


class Bar:
    """Notes what a bar is told."""

    def __init__(self, **settings: Any) -> None:
        self.settings, self.shown, self.closed = settings, [], False

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        self.shown.append(text)

    def update(self) -> None:
        self.shown[-1] += "; next"

    def close(self) -> None:
        self.closed = True


class Prune(L.Callback):
    """Takes an image at the end of each epoch; may fail at the last."""

    def __init__(self, fail: bool) -> None:
        self.fail = fail

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        data.keep(torch.arange(8) > trainer.current_epoch)
        if self.fail and trainer.current_epoch == 1:
            raise ZeroDivisionError


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    made: list[Bar] = []

    def make(**settings: Any) -> Bar:
        made.append(Bar(**settings))
        return made[-1]

    monkeypatch.setattr(progress, "tqdm", make)
    return made


def fit(module: L.LightningModule, *, fail: bool = False) -> None:
    data = RefinableData(
        ResidentFeatures(torch.randn(8, 2, 4)), list(range(8)), [],
        batch_size=4, n_transforms=2, n_transforms_test=2, seed=0,
    )  # fmt: skip
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=2, reload_dataloaders_every_n_epochs=1,
        callbacks=[Prune(fail), FitProgress()], logger=False, enable_checkpointing=False,
        enable_model_summary=False, enable_progress_bar=False,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)


def test_it_shows_epochs_active_images_and_the_loss(bars: list[Bar]) -> None:
    fit(DifferNet(4, n_blocks=1, hidden=4))
    (bar,) = bars
    assert (bar.settings["total"], bar.settings["initial"]) == (2, 0)
    assert len(bar.shown) == 2
    for text, active in zip(bar.shown, (7, 6), strict=True):
        assert re.fullmatch(rf"{active} active, loss -?\d+\.\d{{3}}; next", text)
    assert bar.closed


def test_it_shows_no_loss_where_there_is_none(bars: list[Bar]) -> None:
    fit(Gaussian(4))
    assert bars[0].shown == ["7 active; next", "6 active; next"]


def test_it_ends_with_an_error(bars: list[Bar]) -> None:
    with pytest.raises(ZeroDivisionError):
        fit(Gaussian(4), fail=True)
    assert bars[0].closed
