"""Behaviour of the data module: batches without labels over the images that are still active."""

import io
from typing import Any

import lightning as L
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.features.batches import RefinableData, ScoredBatches, TrainingBatches
from irp_lightning.features.image_features import ResidentFeatures

IMAGES, VIEWS, DIM = 30, 6, 3


def _features() -> ResidentFeatures:
    """Features that say where they come from: 100 × image + view, in every dimension."""
    image, view = torch.arange(IMAGES), torch.arange(VIEWS)
    return ResidentFeatures((100.0 * image[:, None] + view)[..., None].repeat(1, 1, DIM))


def _decode(features: Tensor) -> tuple[Tensor, Tensor]:
    """The image and the view of each feature vector."""
    number = features[..., 0].long()
    return number // 100, number % 100


# Neither sorted nor from 0: positions in the features are not positions among the training images.
TRAIN = [17, 3, 29, 8, 21, 0, 14, 11, 26, 5, 19]
TEST = [20, 2, 9, 28, 7]


def _data(**changes: Any) -> RefinableData:
    arguments = {"batch_size": 4, "n_transforms": 2, "n_transforms_test": 3, "seed": 0, **changes}
    return RefinableData(_features(), TRAIN, TEST, **arguments)


def _keep_all_but(*positions: int) -> Tensor:
    mask = torch.ones(len(TRAIN), dtype=torch.bool)
    mask[list(positions)] = False
    return mask


def _images(loader: Any) -> list[int]:
    return [i for _, index in loader for i in index.tolist()]


def _views(loader: Any) -> dict[int, list[int]]:
    """The views of each image, in the order drawn."""
    return {
        i: views
        for features, index in loader
        for i, views in zip(index.tolist(), _decode(features)[1].tolist(), strict=True)
    }


# --- batches -----------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None, derandomize=True)
@given(batch_size=st.integers(3, 12), count=st.integers(1, 3), seed=st.integers(0, 2**40))
def test_processes_share_the_batches_of_one(batch_size: int, count: int, seed: int) -> None:
    def batches(rank: int, of: int) -> TrainingBatches:
        return TrainingBatches(_features(), torch.tensor(TRAIN), batch_size, 2, seed, rank, of)

    alone = list(batches(0, 1))
    shares = [list(batches(rank, count)) for rank in range(count)]
    steps = {len(share) for share in shares}
    assert steps == {len(batches(0, count))}  # or some would wait for ever
    assert len(alone) - 1 <= steps.pop() <= len(alone)
    for whole, *parts in zip(alone, *shares, strict=False):
        assert all(len(index) for _, index in parts)
        for rank, (features, index) in enumerate(parts):
            assert torch.equal(index, whole[1][rank::count])
            assert torch.equal(features, whole[0][rank::count])


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_processes_score_every_image_once(count: int) -> None:
    scored = _data().predict_dataloader()
    found = [i for rank in range(count) for i in _images(scored.part(rank, count))]
    assert sorted(found) == sorted(TEST)


@pytest.mark.parametrize("loader", ["train_dataloader", "predict_dataloader"])
def test_batch_is_features_and_index_and_nothing_else(loader: str) -> None:
    transforms = {"train_dataloader": 2, "predict_dataloader": 3}[loader]
    for batch in getattr(_data(), loader)():
        assert type(batch) is tuple
        assert len(batch) == 2
        features, index = batch
        assert features.shape == (len(index), transforms, DIM)
        assert features.dtype == torch.float32
        assert index.dtype == torch.long


@pytest.mark.parametrize("loader", ["train_dataloader", "predict_dataloader"])
def test_features_are_those_of_the_images_that_the_index_names(loader: str) -> None:
    for features, index in getattr(_data(), loader)():
        image, _ = _decode(features)
        assert torch.equal(image, index[:, None].expand_as(image))


@pytest.mark.parametrize("loader", ["train_dataloader", "predict_dataloader"])
@pytest.mark.parametrize("batch_size", [1, 4, 11, 100])
def test_batches_are_full_but_for_the_last_and_counted(loader: str, batch_size: int) -> None:
    batches = getattr(_data(batch_size=batch_size), loader)()
    sizes = [len(index) for _, index in batches]
    assert len(batches) == len(sizes)
    assert all(size == batch_size for size in sizes[:-1])
    assert 1 <= sizes[-1] <= batch_size


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_batch_size_above_the_images_gives_one_smaller_batch(count: int) -> None:
    whole = list(_data(batch_size=len(TRAIN)).train_dataloader())
    large = _data(batch_size=96).train_dataloader()
    shares = []
    for rank in range(count):
        large.rank, large.count = rank, count
        assert len(large) == 1
        shares += list(large)
    assert len(shares) == count
    assert sorted(i for _, index in shares for i in index.tolist()) == sorted(TRAIN)
    for rank, (features, index) in enumerate(shares):
        assert torch.equal(index, whole[0][1][rank::count])
        assert torch.equal(features, whole[0][0][rank::count])


def test_no_images_give_no_batch() -> None:
    batches = ScoredBatches(_features(), torch.tensor([], dtype=torch.long), 4, 3)
    assert (len(batches), list(batches)) == (0, [])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    images=st.lists(st.integers(0, IMAGES - 1), min_size=1, unique=True),
    batch_size=st.integers(1, 40),
    n_transforms=st.integers(1, VIEWS),
    seed=st.integers(0, 2**40),
)
def test_epoch_has_every_image_once_and_different_views_of_each(
    images: list[int], batch_size: int, n_transforms: int, seed: int
) -> None:
    loader = TrainingBatches(_features(), torch.tensor(images), batch_size, n_transforms, seed)
    assert sorted(_images(loader)) == sorted(images)
    for views in _views(loader).values():
        assert len(set(views)) == n_transforms


def test_training_draws_from_all_views() -> None:
    views = [_views(_data(seed=seed).train_dataloader()) for seed in range(10)]
    assert {view for epoch in views for drawn in epoch.values() for view in drawn} == {*range(VIEWS)}


def test_same_seed_gives_the_same_batches() -> None:
    first, second = (list(_data(seed=7).train_dataloader()) for _ in range(2))
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_batches_do_not_depend_on_the_global_random_state() -> None:
    torch.manual_seed(0)
    first = _views(_data().train_dataloader())
    torch.manual_seed(1)
    assert _views(_data().train_dataloader()) == first


def test_another_seed_gives_another_order_and_other_views() -> None:
    loaders = [_data(seed=seed).train_dataloader() for seed in range(5)]
    assert len({tuple(_images(loader)) for loader in loaders}) == 5
    assert len({str(sorted(_views(loader).items())) for loader in loaders}) == 5


def test_images_are_shuffled() -> None:
    assert _images(_data().train_dataloader()) != TRAIN


def test_prediction_gives_the_test_images_in_order_with_the_first_views() -> None:
    loader = _data().predict_dataloader()
    assert _images(loader) == TEST
    assert set(map(tuple, _views(loader).values())) == {(0, 1, 2)}
    assert _images(loader) == TEST  # And again: scoring goes over the loader in every round.


def test_scored_batches_give_the_asked_images_in_order_with_the_first_views() -> None:
    loader = _data().scored_batches(torch.tensor([12, 1, 30 - 1]))
    assert _images(loader) == [12, 1, 29]
    assert set(map(tuple, _views(loader).values())) == {(0, 1, 2)}


# --- pruning -----------------------------------------------------------------------------------


def test_all_training_images_are_active_at_first() -> None:
    data = _data()
    assert data.active.tolist() == [True] * len(TRAIN)
    assert sorted(_images(data.train_dataloader())) == sorted(TRAIN)


def test_removed_images_are_missing_from_the_next_training_loader() -> None:
    data = _data()
    data.keep(_keep_all_but(0, 4))
    assert sorted(_images(data.train_dataloader())) == sorted(set(TRAIN) - {TRAIN[0], TRAIN[4]})
    assert len(data.train_dataloader()) == 3
    assert data.active.tolist() == _keep_all_but(0, 4).tolist()


def test_removed_images_do_not_come_back() -> None:
    data = _data()
    data.keep(_keep_all_but(0))
    data.keep(_keep_all_but(1))  # Would keep image 0.
    assert data.active.tolist() == _keep_all_but(0, 1).tolist()


def test_pruning_does_not_touch_the_test_images() -> None:
    data = _data()
    data.keep(_keep_all_but(*range(1, 11)))
    assert _images(data.predict_dataloader()) == TEST


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            torch.ones(len(TRAIN) - 1, dtype=torch.bool),
            rf"\({len(TRAIN)},\).*\({len(TRAIN) - 1},\)",
        ),
        (torch.ones(len(TRAIN), 1, dtype=torch.bool), "shape"),
        (torch.ones(len(TRAIN)), "bool.*float32"),
        (torch.arange(len(TRAIN)), "bool.*int64"),  # Positions are not a mask.
        (torch.zeros(len(TRAIN), dtype=torch.bool), "every training image"),
    ],
)
def test_unfit_mask_is_refused_and_changes_nothing(mask: Tensor, message: str) -> None:
    data = _data()
    data.keep(_keep_all_but(2))
    with pytest.raises(ValueError, match=message):
        data.keep(mask)
    assert data.active.tolist() == _keep_all_but(2).tolist()


def test_removing_the_last_active_images_is_refused() -> None:
    data = _data()
    data.keep(_keep_all_but(*range(1, len(TRAIN))))
    with pytest.raises(ValueError, match="every training image"):
        data.keep(_keep_all_but(0))


# --- over epochs, with Lightning ---------------------------------------------------------------


class _Recorder(L.LightningModule):
    """Trains one number and keeps what it was shown in each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.epochs: list[dict[int, list[int]]] = []

    def on_train_epoch_start(self) -> None:
        self.epochs.append({})

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        self.epochs[-1].update(_views([batch]))
        return self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class _Pruner(L.Callback):
    """Removes the first training image after the second epoch."""

    def on_train_epoch_end(self, trainer: L.Trainer, _: L.LightningModule) -> None:
        if trainer.current_epoch == 1:
            trainer.datamodule.keep(_keep_all_but(0))


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
    trainer.fit(module, datamodule=_data(seed=seed, **changes))
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


# --- checkpoints -------------------------------------------------------------------------------


def test_state_survives_a_checkpoint_read_with_weights_only() -> None:
    data = _data()
    data.keep(_keep_all_but(1, 5))
    file = io.BytesIO()
    torch.save(data.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)

    restored = _data()
    restored.load_state_dict(state)
    assert restored.active.tolist() == _keep_all_but(1, 5).tolist()
    assert _views(restored.train_dataloader()) == _views(data.train_dataloader())
    assert state.keys() == {"active"}


def test_state_is_a_snapshot_that_later_pruning_does_not_change() -> None:
    data = _data()
    state = data.state_dict()
    data.keep(_keep_all_but(3))
    data.load_state_dict(state)
    assert data.active.all()


def test_state_of_another_number_of_images_is_refused_and_changes_nothing() -> None:
    data = _data()
    data.keep(_keep_all_but(3))
    with pytest.raises(ValueError, match=f"5 training images.*{len(TRAIN)}"):
        data.load_state_dict({"active": torch.ones(5, dtype=torch.bool)})
    assert data.active.tolist() == _keep_all_but(3).tolist()
