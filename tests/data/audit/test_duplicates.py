"""Files that are there twice: said, kept together, and never trained on and tested on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.data.audit.duplicates import duplicate_remarks, identical
from irp_lightning.data.groups import join_identical, unnamed_rows
from irp_lightning.data.samples import UNLABELLED, Sample
from irp_lightning.data.split import split_samples

contents = st.lists(st.sampled_from("abcdefgh"), max_size=14)


def sample(name: str, side: str = "train", defect: str = "good") -> Sample:
    return Sample(Path(name), name, side, defect)


@given(contents)
def test_identical_are_all_positions_of_what_is_there_twice(hashes: list[str]) -> None:
    found = identical(hashes)
    assert all(len(positions) > 1 for positions in found)
    assert all(len({hashes[i] for i in positions}) == 1 for positions in found)
    repeated = [i for i, digest in enumerate(hashes) if hashes.count(digest) > 1]
    assert sorted(i for positions in found for i in positions) == repeated


@given(contents.flatmap(lambda h: st.tuples(st.just(h), st.lists(st.integers(0, 5), min_size=len(h)))))
def test_groups_that_share_a_content_become_one(drawn: tuple[list[str], list[int]]) -> None:
    hashes, numbers = drawn
    groups = [f"g{n}" for n in numbers[: len(hashes)]]
    joined = join_identical(groups, hashes)
    for i in range(len(hashes)):
        for j in range(i):
            if hashes[i] == hashes[j] or groups[i] == groups[j]:
                assert joined[i] == joined[j]
    # Nothing else is joined: as many groups as a naive union leaves.
    parts = [{("g", g), ("h", h)} for g, h in zip(groups, hashes, strict=True)]
    merged: list[set[tuple[str, str]]] = []
    for part in parts:
        touching = [m for m in merged if m & part]
        merged = [m for m in merged if not m & part] + [set.union(part, *touching)]
    assert len(set(joined)) == len(merged)


@pytest.mark.parametrize(
    ("second", "kind", "falsifies"),
    [
        (sample("b", "test"), "identical_on_both_sides", True),
        (sample("b", "test", "hole"), "identical_under_two_labels", True),
        (sample("b"), "identical_on_one_side", False),
    ],
)
def test_copies_are_said_with_the_first_of_them(second: Sample, kind: str, falsifies: bool) -> None:
    samples = [sample("a"), second, sample("c"), sample("d")]
    (remark,) = duplicate_remarks(samples, ["1", "1", "2", "3"], "published")
    assert (remark.kind, remark.count, remark.falsifies) == (kind, 1, falsifies)
    assert "(a = b)" in remark.text
    assert duplicate_remarks(samples, ["1", "2", "3", "4"], "published") == []


@pytest.mark.parametrize("split", ["published", "grouped"])
def test_what_is_done_with_copies_on_both_sides_is_said_as_it_is(split: str) -> None:
    samples = [sample("a"), sample("b", "test"), *(sample(c, "test") for c in "cd"), sample("e")]
    hashes = ["1", "1", "2", "3", "4"]
    (remark,) = duplicate_remarks(samples, hashes, split)
    left_out = {
        bool(split_samples(samples, join_identical(list("abcde"), hashes), split, seed, hashes).unused)
        for seed in range(9)
    }
    assert left_out == {split == "published"}
    assert remark.falsifies == ("the training copies are left out" in remark.text) == left_out.pop()


def test_a_photograph_of_which_nobody_knows_has_no_second_label() -> None:
    samples = [sample("a", "train", UNLABELLED), sample("b", "test", "defective"), sample("c")]
    (remark,) = duplicate_remarks(samples, ["1", "1", "2"], "published")
    assert remark.kind == "identical_on_both_sides"
    (remark,) = duplicate_remarks(samples, ["1", "1", "1"], "published")
    assert (remark.kind, "(b = c)" in remark.text) == ("identical_under_two_labels", True)


def test_two_kinds_of_defect_with_one_photograph_stay_in_one_pool() -> None:
    samples = [sample("n"), *(sample(f"d{i}", "test", f"kind{i % 2}") for i in range(12))]
    hashes = ["n", *(str(i // 2) for i in range(12))]  # each is there once as kind0, once as kind1
    groups = join_identical([s.name for s in samples], hashes)
    for seed in range(20):
        split = split_samples(samples, groups, "published", seed, hashes)
        sides = [{hashes[i] for i in side} for side in (split.pool, split.test)]
        assert not sides[0] & sides[1]


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9)), min_size=1), st.integers(0, 3)
)
def test_no_content_is_trained_on_and_tested_on(rows: list[tuple[bool, bool, int]], seed: int) -> None:
    samples = [
        sample(str(i), "test" if test else "train", "hole" if bad and test else "good")
        for i, (test, bad, _) in enumerate(rows)
    ]
    hashes = [str(content) for *_, content in rows]
    groups = join_identical([s.name for s in samples], hashes)
    split = split_samples(samples, groups, "published", seed, hashes)
    tested = {hashes[i] for i in split.test}
    assert not tested & {hashes[i] for i in [*split.train_normal, *split.pool]}
    # What is left out of training is what is tested on, and nothing else.
    assert all(hashes[i] in tested for i in split.unused)


def test_rows_of_a_groups_file_that_name_no_image_are_said(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na,1\nz,1\ny,2\n")
    (remark,) = unnamed_rows([sample("a")], str(file))
    assert (remark.kind, remark.count) == ("group_rows_unused", 2)
    assert "(z, y)" in remark.text
    assert unnamed_rows([sample("a"), sample("z"), sample("y")], str(file)) == []
    assert unnamed_rows([sample("a")], "auto") == []
