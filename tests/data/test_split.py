"""Behaviour of the split: what is trained on, what may be injected, what is tested on."""

import os
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_seed

from irp_lightning.data.samples import Sample
from irp_lightning.data.split import Split, split_samples

NORMAL_SPLITS = ("published", "grouped")

both_splits = pytest.mark.parametrize("normals", NORMAL_SPLITS)


def _samples(*rows: tuple[str, str]) -> list[Sample]:
    """Samples from (side, defect)."""
    return [
        Sample(Path(f"{i}.png"), f"{side}/{defect}/{i}.png", side, defect)
        for i, (side, defect) in enumerate(rows)
    ]


def _own(samples: list[Sample]) -> list[str]:
    """Every image a group of its own."""
    return [sample.name for sample in samples]


def _runs(count: int, lengths: tuple[int, ...], prefix: str) -> list[str]:
    """Groups of neighbours, of the given sizes in turn."""
    groups: list[str] = []
    while len(groups) < count:
        number = len(set(groups))
        groups += [f"{prefix}{number}"] * lengths[number % len(lengths)]
    return groups[:count]


def _category() -> list[Sample]:
    """A category of MVTec's kind: 120 + 30 normal images, defects of three kinds."""
    return _samples(
        *[("train", "good")] * 120,
        *[("test", "good")] * 30,
        *[("test", "bent")] * 20,
        *[("test", "crack")] * 21,
        *[("test", "rust")] * 9,
    )


def _twins() -> tuple[list[Sample], list[str]]:
    """The same, with groups inside and across the sides and kinds."""
    samples = _category()
    groups = _runs(150, (1, 4, 1, 2, 3), "normal")
    groups += _runs(50, (2, 1, 3), "defect")
    # A normal twin on each published side for some of the defective parts.
    for normal, defective in ((0, 150), (1, 155), (60, 172), (125, 160), (130, 195)):
        groups[normal] = groups[defective]
    return samples, groups


def _groups_of(indices: list[int], groups: list[str]) -> set[str]:
    return {groups[i] for i in indices}


@st.composite
def _datasets(draw: st.DrawFn, sides: tuple[str, ...]) -> tuple[list[Sample], list[str]]:
    """Small datasets whose groups lie across sides and kinds; defects on the given sides."""
    rows = st.tuples(st.just("train"), st.just("good")) | st.tuples(st.just("test"), st.just("good"))
    rows |= st.tuples(st.sampled_from(sides), st.sampled_from(["bent", "crack"]))
    samples = _samples(*draw(st.lists(rows, max_size=40)))
    group = st.integers(0, draw(st.sampled_from([3, 15, 60])))
    return samples, [f"g{draw(group)}" for _ in samples]


any_dataset = _datasets(("test",)) | _datasets(("train", "test"))
any_split = st.sampled_from(NORMAL_SPLITS)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, normals=any_split, seed=any_seed)
def test_every_image_lies_on_exactly_one_side(
    dataset: tuple[list[Sample], list[str]], normals: str, seed: int
) -> None:
    samples, groups = dataset
    split = split_samples(samples, groups, normals, seed)
    sides = (split.train_normal, split.pool, split.test, split.unused)
    assert sorted(chain(*sides)) == list(range(len(samples)))
    assert not any(samples[i].label for i in split.train_normal)
    assert all(samples[i].label for i in split.pool)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, normals=any_split, seed=any_seed)
def test_no_group_lies_both_in_the_pool_and_in_the_test_set(
    dataset: tuple[list[Sample], list[str]], normals: str, seed: int
) -> None:
    samples, groups = dataset
    split = split_samples(samples, groups, normals, seed)
    assert not _groups_of(split.pool, groups) & _groups_of(split.test, groups)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, seed=any_seed)
def test_grouped_puts_no_group_at_all_on_both_sides(
    dataset: tuple[list[Sample], list[str]], seed: int
) -> None:
    samples, groups = dataset
    split = split_samples(samples, groups, "grouped", seed)
    trained = _groups_of(split.train_normal + split.pool, groups)
    assert not trained & _groups_of(split.test, groups)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=any_dataset, seed=any_seed)
def test_published_leaves_normal_images_where_they_are(
    dataset: tuple[list[Sample], list[str]], seed: int
) -> None:
    samples, groups = dataset
    split = split_samples(samples, groups, "published", seed)
    normal = {i: s.side for i, s in enumerate(samples) if not s.label}
    assert split.train_normal == [i for i, side in normal.items() if side == "train"]
    assert [i for i in split.test if i in normal] == [i for i, s in normal.items() if s == "test"]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dataset=_datasets(("test",)), normals=any_split, seed=any_seed)
def test_pool_and_test_set_share_out_all_defects(
    dataset: tuple[list[Sample], list[str]], normals: str, seed: int
) -> None:
    samples, groups = dataset
    split = split_samples(samples, groups, normals, seed)
    tested = [i for i in split.test if samples[i].label]
    assert sorted(split.pool + tested) == [i for i, s in enumerate(samples) if s.label]


@both_splits
@pytest.mark.parametrize("seed", range(5))
def test_pool_is_half_of_each_kind_of_defect(normals: str, seed: int) -> None:
    samples = _category()
    split = split_samples(samples, _own(samples), normals, seed)
    pooled = Counter(samples[i].defect for i in split.pool)
    assert pooled["bent"] == 10
    assert pooled["crack"] in (10, 11)
    assert pooled["rust"] in (4, 5)


@both_splits
@pytest.mark.parametrize(("kinds", "each"), [(30, 1), (10, 3)])
def test_small_kinds_give_half_of_their_images_to_the_pool(normals: str, kinds: int, each: int) -> None:
    rows = [("test", f"kind{k:02d}") for k in range(kinds) for _ in range(each)]
    samples = _samples(*[("train", "good")] * 20, *rows)
    pools = [split_samples(samples, _own(samples), normals, seed).pool for seed in range(5)]
    assert [len(pool) for pool in pools] == [15] * 5
    assert len({frozenset(samples[i].defect for i in pool) for pool in pools}) > 1 or each > 1
    assert len(set(map(tuple, pools))) == 5


@both_splits
def test_sole_defect_is_tested_on(normals: str) -> None:
    # Without a defect in the test set there would be nothing to measure.
    samples = _samples(*[("train", "good")] * 4, ("test", "good"), ("test", "bent"))
    for seed in range(10):
        split = split_samples(samples, _own(samples), normals, seed)
        assert 5 in split.test


@pytest.mark.parametrize("seed", range(5))
def test_pool_is_near_half_of_each_kind_where_groups_bind(seed: int) -> None:
    samples = _category()
    groups = _own(samples)[:150] + _runs(50, (2, 1, 3), "defect")
    split = split_samples(samples, groups, "published", seed)
    pooled = Counter(samples[i].defect for i in split.pool)
    for kind, count in (("bent", 20), ("crack", 21), ("rust", 9)):
        assert abs(pooled[kind] - count / 2) <= 2, kind


@both_splits
def test_split_keeps_groups_together_in_a_whole_category(normals: str) -> None:
    samples, groups = _twins()
    for seed in range(5):
        split = split_samples(samples, groups, normals, seed)
        assert 15 <= len(split.pool) <= 30
        assert not _groups_of(split.pool, groups) & _groups_of(split.test, groups)


def test_grouped_keeps_the_size_of_the_training_side() -> None:
    samples, groups = _twins()
    for seed in range(10):
        split = split_samples(samples, groups, "grouped", seed)
        assert abs(len(split.train_normal) - 120) <= 3
        assert split.unused == []


def test_grouped_draws_normal_images_anew() -> None:
    samples, groups = _twins()
    drawn = {tuple(split_samples(samples, groups, "grouped", s).train_normal) for s in range(5)}
    assert len(drawn) == 5
    # Both published sides are drawn from.
    assert all(0 < len({i for i in train if i >= 120}) < 30 for train in drawn)


def test_published_pool_leaves_out_parts_with_a_normal_twin_in_the_test_set() -> None:
    samples = _samples(
        ("train", "good"), ("test", "good"), ("test", "bent"), ("test", "bent"), ("test", "bent")
    )
    groups = ["a", "b", "b", "c", "d"]
    for seed in range(10):
        assert 2 in split_samples(samples, groups, "published", seed).test


@both_splits
def test_defective_training_images_are_the_pool(normals: str) -> None:
    rows = [("train", "good")] * 30 + [("train", "defect")] * 7
    rows += [("test", "good")] * 10 + [("test", "defect")] * 5
    samples = _samples(*rows)
    for seed in range(3):
        split = split_samples(samples, _own(samples), normals, seed)
        assert split.pool == list(range(30, 37))
        assert [i for i in split.test if samples[i].label] == list(range(47, 52))
        assert len(split.train_normal) == 30
        assert split.unused == []


@both_splits
def test_defective_training_image_with_a_twin_in_the_test_set_is_not_used(normals: str) -> None:
    samples = _samples(("train", "good"), ("train", "defect"), ("train", "defect"), ("test", "defect"))
    split = split_samples(samples, ["a", "b", "c", "c"], normals, 0)
    assert (split.pool, split.unused) == ([1], [2])
    assert 3 in split.test


@both_splits
def test_category_without_defects_has_an_empty_pool(normals: str) -> None:
    samples = _samples(*[("train", "good")] * 8, *[("test", "good")] * 2)
    split = split_samples(samples, _own(samples), normals, 0)
    assert split.pool == []
    assert (len(split.train_normal), len(split.test)) == (8, 2)


@both_splits
def test_split_is_the_same_for_a_seed_and_another_for_another(normals: str) -> None:
    samples, groups = _twins()

    def draw(seed: int) -> Split:
        return split_samples(samples, groups, normals, seed)

    assert draw(3) == draw(3)
    assert len({tuple(draw(seed).test) for seed in range(8)}) == 8


@both_splits
def test_split_does_not_depend_on_the_order_of_the_images(normals: str) -> None:
    samples, groups = _twins()
    forward = split_samples(samples, groups, normals, 4)
    backward = split_samples(samples[::-1], groups[::-1], normals, 4)
    last = len(samples) - 1
    assert forward.pool == sorted(last - i for i in backward.pool)
    assert forward.test == sorted(last - i for i in backward.test)


def test_split_is_the_same_in_every_process() -> None:
    # Sets of strings iterate in another order in each process; a run must be repeatable still.
    code = (
        "import sys; sys.path[:0] = sys.argv[3:]\n"
        "from pathlib import Path\n"
        "from irp_lightning.data.samples import Sample\n"
        "from irp_lightning.data.split import split_samples\n"
        "defects = sys.argv[1].split()\n"
        "samples = [Sample(Path(), str(i), 'test', d) for i, d in enumerate(defects)]\n"
        "for normals in ('published', 'grouped'):\n"
        "    print(split_samples(samples, sys.argv[2].split(), normals, 4))\n"
    )
    samples, groups = _twins()
    arguments = [" ".join(s.defect for s in samples), " ".join(groups), *sys.path]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "Split(" in outputs.pop()
