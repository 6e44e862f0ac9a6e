"""Behaviour of batches: no labels, every image once, its views and order fixed by a seed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered_features import (
    DIM,
    IMAGES,
    TEST,
    TRAIN,
    VIEWS,
    decoded,
    images_of,
    numbered_features,
    refinable_data,
    views_of,
)

from irp_lightning.features.batches import ScoredBatches, TrainingBatches


@settings(max_examples=50, deadline=None, derandomize=True)
@given(batch_size=st.integers(3, 12), count=st.integers(1, 3), seed=st.integers(0, 2**40))
def test_processes_share_the_batches_of_one(batch_size: int, count: int, seed: int) -> None:
    def batches(rank: int, of: int) -> TrainingBatches:
        return TrainingBatches(numbered_features(), torch.tensor(TRAIN), batch_size, 2, seed, rank, of)

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
    scored = refinable_data().predict_dataloader()
    found = [i for rank in range(count) for i in images_of(scored.part(rank, count))]
    assert sorted(found) == sorted(TEST)


@pytest.mark.parametrize("loader", ["train_dataloader", "predict_dataloader"])
def test_batch_is_features_and_index_and_nothing_else(loader: str) -> None:
    transforms = {"train_dataloader": 2, "predict_dataloader": 3}[loader]
    for batch in getattr(refinable_data(), loader)():
        assert type(batch) is tuple
        assert len(batch) == 2
        features, index = batch
        assert features.shape == (len(index), transforms, DIM)
        assert features.dtype == torch.float32
        assert index.dtype == torch.long


@pytest.mark.parametrize("loader", ["train_dataloader", "predict_dataloader"])
def test_features_are_those_of_the_images_that_the_index_names(loader: str) -> None:
    for features, index in getattr(refinable_data(), loader)():
        image, _ = decoded(features)
        assert torch.equal(image, index[:, None].expand_as(image))


@pytest.mark.parametrize("loader", ["train_dataloader", "predict_dataloader"])
@pytest.mark.parametrize("batch_size", [1, 4, 11, 100])
def test_batches_are_full_but_for_the_last_and_counted(loader: str, batch_size: int) -> None:
    batches = getattr(refinable_data(batch_size=batch_size), loader)()
    sizes = [len(index) for _, index in batches]
    assert len(batches) == len(sizes)
    assert all(size == batch_size for size in sizes[:-1])
    assert 1 <= sizes[-1] <= batch_size


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_batch_size_above_the_images_gives_one_smaller_batch(count: int) -> None:
    whole = list(refinable_data(batch_size=len(TRAIN)).train_dataloader())
    large = refinable_data(batch_size=96).train_dataloader()
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
    batches = ScoredBatches(numbered_features(), torch.tensor([], dtype=torch.long), 4, 3)
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
    loader = TrainingBatches(numbered_features(), torch.tensor(images), batch_size, n_transforms, seed)
    assert sorted(images_of(loader)) == sorted(images)
    for views in views_of(loader).values():
        assert len(set(views)) == n_transforms


def test_training_draws_from_all_views() -> None:
    views = [views_of(refinable_data(seed=seed).train_dataloader()) for seed in range(10)]
    assert {view for epoch in views for drawn in epoch.values() for view in drawn} == {*range(VIEWS)}


def test_same_seed_gives_the_same_batches() -> None:
    first, second = (list(refinable_data(seed=7).train_dataloader()) for _ in range(2))
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_batches_do_not_depend_on_the_global_random_state() -> None:
    torch.manual_seed(0)
    first = views_of(refinable_data().train_dataloader())
    torch.manual_seed(1)
    assert views_of(refinable_data().train_dataloader()) == first


def test_another_seed_gives_another_order_and_other_views() -> None:
    loaders = [refinable_data(seed=seed).train_dataloader() for seed in range(5)]
    assert len({tuple(images_of(loader)) for loader in loaders}) == 5
    assert len({str(sorted(views_of(loader).items())) for loader in loaders}) == 5


def test_images_are_shuffled() -> None:
    assert images_of(refinable_data().train_dataloader()) != TRAIN


def test_prediction_gives_the_test_images_in_order_with_the_first_views() -> None:
    loader = refinable_data().predict_dataloader()
    assert images_of(loader) == TEST
    assert set(map(tuple, views_of(loader).values())) == {(0, 1, 2)}
    assert images_of(loader) == TEST  # And again: scoring goes over the loader in every round.


def test_scored_batches_give_the_asked_images_in_order_with_the_first_views() -> None:
    loader = refinable_data().scored_batches(torch.tensor([12, 1, 30 - 1]))
    assert images_of(loader) == [12, 1, 29]
    assert set(map(tuple, views_of(loader).values())) == {(0, 1, 2)}
