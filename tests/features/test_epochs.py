"""What a trainer is shown, epoch after epoch: the active images in another order, with other views."""

from typing import Any

import lightning as L
import pytest
import torch
from numbered_features import TRAIN, all_but, refinable_data, views_of
from torch import Tensor


class _Recorder(L.LightningModule):
    """Trains one number and keeps what it was shown in each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.epochs: list[dict[int, list[int]]] = []

    def on_train_epoch_start(self) -> None:
        self.epochs.append({})

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        self.epochs[-1].update(views_of([batch]))
        return self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class _Pruner(L.Callback):
    """Removes the first training image after the second epoch."""

    def on_train_epoch_end(self, trainer: L.Trainer, _: L.LightningModule) -> None:
        if trainer.current_epoch == 1:
            trainer.datamodule.keep(all_but(0))


def _fit(seed: int = 0, **changes: Any) -> list[dict[int, list[int]]]:
    module = _Recorder()
    trainer = L.Trainer(
        max_epochs=4,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[_Pruner()],
    )
    trainer.fit(module, datamodule=refinable_data(seed=seed, **changes))
    return module.epochs


@pytest.fixture(scope="module")
def epochs() -> list[dict[int, list[int]]]:
    """The views of each image, epoch by epoch, as a trainer was shown them."""
    return _fit()


def test_trainer_sees_a_removal_in_the_next_epoch(epochs: list[dict[int, list[int]]]) -> None:
    assert [set(epoch) for epoch in epochs] == [{*TRAIN}] * 2 + [{*TRAIN[1:]}] * 2


def test_trainer_sees_all_images_in_one_batch_that_is_larger() -> None:
    assert [set(epoch) for epoch in _fit(batch_size=96)] == [{*TRAIN}] * 2 + [{*TRAIN[1:]}] * 2


def test_trainer_sees_another_order_and_other_views_in_each_epoch(
    epochs: list[dict[int, list[int]]],
) -> None:
    assert len({tuple(epoch) for epoch in epochs}) == 4
    for i, first in enumerate(epochs):
        for second in epochs[i + 1 :]:
            same = sum(set(first[image]) == set(second[image]) for image in TRAIN[1:])
            # Two of six views: of ten images less than one draws the same pair by chance.
            assert same < 5


def test_trainer_sees_the_same_again_for_the_same_seed(
    epochs: list[dict[int, list[int]]],
) -> None:
    assert _fit() == epochs


def test_neighbouring_seeds_do_not_share_the_batches_of_neighbouring_epochs(
    epochs: list[dict[int, list[int]]],
) -> None:
    # With seed + epoch as the stream, seed 1 would repeat seed 0 one epoch late.
    other = _fit(seed=1)
    assert not {str(epoch) for epoch in epochs} & {str(epoch) for epoch in other}
