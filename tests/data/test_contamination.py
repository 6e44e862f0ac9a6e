"""Behaviour of contamination: how many defects are injected, which, and where they may not be."""

from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_seed

from irp_lightning.data.contamination import (
    TrainingPool,
    contaminate,
    contaminated_counts,
    draw_pool,
)
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.samples import UNLABELLED, Sample
from irp_lightning.data.split import Split, split_samples
from irp_lightning.foundation.errors import WrongValue

CONTAMINATIONS = ("share", "pool", "overlap")
LEVELS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.3, 0.5)

every_kind = pytest.mark.parametrize("kind", CONTAMINATIONS)

any_noise = st.floats(0, 0.5)
any_kind = st.sampled_from(CONTAMINATIONS)


def _dataset(normals: int, pool: int, tested: int = 6, unused: int = 2) -> tuple[list[Sample], Split]:
    """A dataset and its split; the sides' indices are interleaved, as a reader's may be."""
    sizes = (normals, pool, tested, unused)
    indices = iter(range(sum(sizes)))
    sides: list[list[int]] = [[], [], [], []]
    for step in range(max(sizes)):
        for side, size in zip(sides, sizes, strict=True):
            if step < size:
                side.append(next(indices))
    defective = {*sides[1], *sides[2][::2], *sides[3]}
    samples = [
        Sample(Path(f"{i}.png"), f"{i}.png", "test", "bent" if i in defective else "good")
        for i in range(sum(sizes))
    ]
    return samples, Split(*sides)


any_dataset = st.builds(
    _dataset, st.integers(1, 80), st.integers(0, 40), st.integers(0, 9), st.integers(0, 4)
)


# --- how many ----------------------------------------------------------------------------------


def test_a_decimal_noise_is_not_an_image_short() -> None:
    """0.29 * 50 is a little less than 14.5 in floating point, 0.35 * 90 a little less than 31.5."""
    for noise, pool, wanted in ((0.29, 50, 14), (0.35, 90, 32)):  # a half goes to the even number
        samples, split = _dataset(100, pool)
        assert len(contaminate(samples, split, "pool", noise, 0).injected) == wanted


@settings(max_examples=80, deadline=None, derandomize=True)
@given(normals=st.integers(1, 5000), pool=st.integers(1, 2000), noise=any_noise)
def test_achieved_share_is_the_requested_one_within_half_an_image(
    normals: int, pool: int, noise: float
) -> None:
    kept, defects = contaminated_counts(normals, pool, noise)
    assert 0 <= kept <= normals
    assert 0 <= defects <= pool
    assert abs(defects - noise * (kept + defects)) <= 0.5 + 1e-9


@settings(max_examples=80, deadline=None, derandomize=True)
@given(normals=st.integers(1, 5000), pool=st.integers(1, 2000), noise=any_noise)
def test_normals_are_left_out_only_when_the_whole_pool_is_too_little(
    normals: int, pool: int, noise: float
) -> None:
    kept, defects = contaminated_counts(normals, pool, noise)
    if kept < normals:
        assert defects == pool
        assert pool / (normals + pool) < noise


@pytest.mark.parametrize(
    ("normals", "pool", "noise", "wanted"),
    [
        (90, 30, 0.1, (90, 10)),
        (209, 31, 0.0, (209, 0)),
        (100, 100, 0.5, (100, 100)),
        (761, 196, 0.2, (761, 190)),
        (761, 196, 0.3, (457, 196)),  # 196 are 30 % of 653 and no defect is repeated.
        (50, 5, 0.5, (5, 5)),
    ],
)
def test_counts_of_a_few_cases_worked_out_by_hand(
    normals: int, pool: int, noise: float, wanted: tuple[int, int]
) -> None:
    assert contaminated_counts(normals, pool, noise) == wanted


# --- which -------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, kind=any_kind, noise=any_noise, seed=any_seed)
def test_training_images_are_normals_and_pooled_defects_none_of_them_twice(
    dataset: tuple[list[Sample], Split], kind: str, noise: float, seed: int
) -> None:
    samples, split = dataset
    run = contaminate(samples, split, kind, noise, seed)
    assert len(set(run.train)) == len(run.train)
    assert run.injected <= set(split.pool)
    assert set(run.train) - run.injected <= set(split.train_normal)
    assert run.injected <= set(run.train)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, kind=any_kind, noise=any_noise, seed=any_seed)
def test_dropped_are_exactly_the_images_the_run_does_not_use(
    dataset: tuple[list[Sample], Split], kind: str, noise: float, seed: int
) -> None:
    samples, split = dataset
    run = contaminate(samples, split, kind, noise, seed)
    assert len(set(run.dropped)) == len(run.dropped)
    assert not set(run.dropped) & {*run.train, *run.test}
    assert {*run.train, *run.test, *run.dropped} == set(range(len(samples)))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, kind=st.sampled_from(["share", "pool"]), noise=any_noise, seed=any_seed)
def test_injected_defects_are_not_tested_on(
    dataset: tuple[list[Sample], Split], kind: str, noise: float, seed: int
) -> None:
    samples, split = dataset
    run = contaminate(samples, split, kind, noise, seed)
    assert not set(run.train) & set(run.test)
    assert sorted(run.test) == sorted(split.test)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, noise=any_noise, seed=any_seed)
def test_overlap_trains_as_share_and_tests_on_the_whole_pool_too(
    dataset: tuple[list[Sample], Split], noise: float, seed: int
) -> None:
    samples, split = dataset
    overlap = contaminate(samples, split, "overlap", noise, seed)
    share = contaminate(samples, split, "share", noise, seed)
    assert sorted(overlap.test) == sorted(split.test + split.pool)
    assert (overlap.train, overlap.injected) == (share.train, share.injected)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, noise=any_noise, seed=any_seed)
def test_noise_of_kind_pool_is_the_injected_fraction_and_all_normals_stay(
    dataset: tuple[list[Sample], Split], noise: float, seed: int
) -> None:
    samples, split = dataset
    run = contaminate(samples, split, "pool", noise, seed)
    assert set(run.train) - run.injected == set(split.train_normal)
    assert abs(len(run.injected) - noise * len(split.pool)) <= 0.5 + 1e-9


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, kind=any_kind, levels=st.tuples(any_noise, any_noise), seed=any_seed)
def test_defects_of_a_lower_noise_are_among_those_of_a_higher_one(
    dataset: tuple[list[Sample], Split], kind: str, levels: tuple[float, float], seed: int
) -> None:
    samples, split = dataset
    low, high = (contaminate(samples, split, kind, noise, seed) for noise in sorted(levels))
    assert low.injected <= high.injected
    assert set(high.train) - high.injected <= set(low.train) - low.injected


@every_kind
def test_without_noise_all_normals_are_trained_on_and_nothing_else(kind: str) -> None:
    samples, split = _dataset(40, 10)
    run = contaminate(samples, split, kind, 0.0, 3)
    assert sorted(run.train) == split.train_normal
    assert run.injected == frozenset()
    assert run.noise == 0


@every_kind
def test_test_set_is_the_same_at_every_noise_level(kind: str) -> None:
    rows = [("train", "good")] * 60 + [("test", "good")] * 10
    rows += [("test", "bent")] * 14 + [("test", "crack")] * 8
    samples = [
        Sample(Path(f"{i}"), f"{side}/{defect}/{i}", side, defect)
        for i, (side, defect) in enumerate(rows)
    ]
    for seed in range(3):
        split = split_samples(samples, [s.name for s in samples], "published", seed)
        runs = [contaminate(samples, split, kind, noise, seed) for noise in LEVELS]
        assert len({tuple(run.test) for run in runs}) == 1
        assert len({len(run.injected) for run in runs}) > 3  # The noise does change.


@pytest.mark.parametrize("noise", LEVELS)
def test_achieved_noise_is_the_defective_share_of_the_training_images(noise: float) -> None:
    samples, split = _dataset(300, 120)
    run = contaminate(samples, split, "share", noise, 0)
    assert run.noise == pytest.approx(mean(samples[i].label for i in run.train))
    assert run.noise == pytest.approx(noise, abs=0.003)


def test_achieved_noise_of_an_empty_training_side_is_zero() -> None:
    assert TrainingPool(train=[], injected=frozenset(), test=[], dropped=[]).noise == 0


@pytest.mark.parametrize("seed", range(5))
def test_order_of_the_training_images_tells_no_label(seed: int) -> None:
    samples, split = _dataset(300, 100)
    run = contaminate(samples, split, "share", 0.2, seed)
    ranks = [rank for rank, i in enumerate(run.train) if samples[i].label]
    assert len(ranks) == 75
    # Of 75 uniform ranks the mean lies 5 standard deviations (0.03 each) within these bounds.
    assert 0.33 < mean(ranks) / len(run.train) < 0.67
    # Nor do neighbours: about 60 of the 75 defects are followed by a normal image.
    followed = sum(rank + 1 not in ranks for rank in ranks)
    assert followed > 40


@every_kind
def test_choice_is_the_same_for_a_seed_and_another_for_another(kind: str) -> None:
    samples, split = _dataset(60, 40)
    assert contaminate(samples, split, kind, 0.3, 5) == contaminate(samples, split, kind, 0.3, 5)
    drawn = {contaminate(samples, split, kind, 0.3, seed).injected for seed in range(8)}
    assert len(drawn) == 8
    orders = {tuple(contaminate(samples, split, kind, 0.0, seed).train) for seed in range(8)}
    assert len(orders) == 8


def test_split_and_samples_are_left_as_they_are() -> None:
    samples, split = _dataset(30, 10)
    before = list(samples), Split(*map(list, vars(split).values()))
    contaminate(samples, split, "overlap", 0.3, 0)
    assert (samples, split) == before


# --- split and contamination in one -----------------------------------------------------------


def _images(*counts: tuple[str, str, int], group: str | None = None) -> Dataset:
    """A dataset from (side, defect, count); with ``group`` all images are of one object."""
    rows = [(side, defect) for side, defect, count in counts for _ in range(count)]
    samples = [Sample(Path(f"{i}"), f"{i}", side, defect) for i, (side, defect) in enumerate(rows)]
    return Dataset(samples, [group or s.name for s in samples], [s.name for s in samples], {}, 0)


@every_kind
@pytest.mark.parametrize("normals", ["published", "grouped"])
def test_pool_is_the_contaminated_split(kind: str, normals: str) -> None:
    images = _images(("train", "good", 40), ("test", "good", 10), ("test", "bent", 20))
    sides = split_samples(images.samples, images.groups, normals, 3)
    pool = draw_pool(images, normals, kind, 0.1, 3)
    assert pool == contaminate(images.samples, sides, kind, 0.1, 3)
    assert pool.injected


@every_kind
def test_nothing_to_inject_is_said_with_the_remedy(kind: str) -> None:
    images = _images(("train", "good", 8), ("test", "good", 2))
    with pytest.raises(WrongValue, match=r"^noise=0.1 needs .*there are none .*; set noise=0$"):
        draw_pool(images, "published", kind, 0.1, 0)
    assert draw_pool(images, "published", kind, 0.0, 0).injected == frozenset()


def test_defects_that_all_stay_in_the_test_set_are_counted() -> None:
    images = _images(("train", "good", 8), ("test", "bent", 3), group="one")
    with pytest.raises(WrongValue, match=r"^noise=0.2 needs .*none of the 3 .* pool: .*; set noise=0$"):
        draw_pool(images, "published", "share", 0.2, 0)
    assert draw_pool(images, "published", "share", 0.0, 0).injected == frozenset()


def _own_images(**labels: Any) -> Dataset:
    """Somebody's folder: unlabelled images to train on, and labelled defects."""
    samples = [
        *(Sample(Path(f"{i}.png"), f"{i}.png", "train", **labels) for i in range(6)),
        *(Sample(Path(f"d{i}.png"), f"d{i}.png", "test", "defective") for i in range(4)),
    ]
    names = [sample.name for sample in samples]
    return Dataset(samples, names, names, {}, 0)


@pytest.mark.parametrize("labels", [{"defect": UNLABELLED}, {"trusted": True}])
def test_all_labelled_defects_of_ones_own_images_are_tested_on(labels: dict[str, Any]) -> None:
    pool = draw_pool(_own_images(**labels), "published", "share", 0.0, 0)
    assert pool.test == [6, 7, 8, 9]
    assert pool.dropped == []


def test_noise_is_injected_into_ones_own_images_where_it_is_asked_for() -> None:
    pool = draw_pool(_own_images(trusted=True), "published", "pool", 0.5, 0)
    assert len(pool.injected) == 1
    assert len(pool.test) == 2


def test_a_published_dataset_holds_half_of_its_defects_back_without_noise_too() -> None:
    pool = draw_pool(_own_images(), "published", "share", 0.0, 0)
    assert len(pool.test) == len(pool.dropped) == 2
