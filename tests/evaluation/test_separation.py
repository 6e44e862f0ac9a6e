"""The criterion that needs no label."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.evaluation.separation import separation

scores = st.lists(st.floats(0.01, 1e4), min_size=4, max_size=30)


def test_a_clean_split_explains_everything_and_a_senseless_one_little() -> None:
    values = torch.tensor([1.0] * 8 + [9.0] * 2)
    assert separation(values, values > 5) == pytest.approx(1)
    crossed = torch.arange(10) % 2 == 0
    assert separation(values, crossed) < 0.1


@given(scores, st.data())
def test_it_is_a_share_and_the_scale_does_not_matter(values: list[float], data: st.DataObject) -> None:
    flags = st.lists(st.booleans(), min_size=len(values), max_size=len(values))
    removed = torch.tensor(data.draw(flags))
    found = separation(torch.tensor(values), removed)
    assert 0 <= found <= 1
    assert separation(7 * torch.tensor(values), removed) == pytest.approx(found, abs=1e-4)


def test_to_remove_what_is_most_ordinary_is_worth_nothing() -> None:
    values = torch.tensor([1.0] * 2 + [9.0] * 8)
    assert separation(values, values < 5) == 0


@pytest.mark.parametrize("removed", [[False] * 4, [True] * 4])
def test_no_split_separates_nothing(removed: list[bool]) -> None:
    assert separation(torch.tensor([1.0, 2, 3, 4]), torch.tensor(removed)) == 0


def test_scores_without_logarithms_are_taken_as_they_are() -> None:
    found = separation(torch.tensor([-1.0, -1.1, -0.9, 8.0]), torch.tensor([False, False, False, True]))
    assert math.isfinite(found)
    assert found > 0.99
