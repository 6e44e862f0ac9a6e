import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.folds import comparable, draw_folds

groups_ = (
    st.lists(st.integers(0, 12), min_size=5, max_size=60)
    .filter(lambda groups: len(set(groups)) >= 5)  # a group for every fold
    .map(torch.tensor)
)


@given(groups_, st.integers(2, 5), st.integers(0, 99))
def test_a_group_stays_in_one_fold(groups: Tensor, folds: int, seed: int) -> None:
    fold = draw_folds(groups, folds, seed)
    assert fold.shape == groups.shape
    assert set(fold.tolist()) <= set(range(folds))
    for group in groups.unique():
        assert len(fold[groups == group].unique()) == 1


@given(groups_, st.integers(2, 5), st.integers(0, 99))
def test_folds_differ_by_no_more_than_the_largest_group(groups: Tensor, folds: int, seed: int) -> None:
    sizes = torch.bincount(draw_folds(groups, folds, seed), minlength=folds)
    assert sizes.max() - sizes.min() <= torch.bincount(groups).max()
    assert sizes.min() > 0


def test_the_seed_draws() -> None:
    groups = torch.arange(60)
    assert torch.equal(draw_folds(groups, 3, 1), draw_folds(groups, 3, 1))
    assert not torch.equal(draw_folds(groups, 3, 1), draw_folds(groups, 3, 2))
    # Neighbours in the list are no neighbours in the folds.
    assert len(draw_folds(groups, 3, 0)[:20].unique()) == 3


@given(st.lists(st.floats(1e-3, 1e15), min_size=6, max_size=30), st.floats(0.01, 1e6))
def test_a_folds_scale_does_not_matter(values: list[float], scale: float) -> None:
    scores = torch.tensor(values, dtype=torch.double)
    fold = torch.arange(len(scores)) % 2
    active = torch.ones(len(scores), dtype=torch.bool)
    rescaled = torch.where(fold == 1, scores * scale, scores)
    result = comparable(scores, fold, active)
    torch.testing.assert_close(comparable(rescaled, fold, active), result)
    for k in (0, 1):
        assert torch.quantile(result[fold == k], 0.5).item() == torch.tensor(1.0)


def test_only_active_scores_set_the_scale() -> None:
    scores, fold = torch.tensor([1.0, 2.0, 3.0, 1e9]), torch.zeros(4, dtype=torch.long)
    active = torch.tensor([True, True, True, False])
    assert comparable(scores, fold, active).tolist() == [0.5, 1.0, 1.5, 5e8]


def test_negative_scores_have_no_common_scale() -> None:
    with pytest.raises(InputError, match=r"median score is -2"):
        comparable(
            torch.tensor([-1.0, -2.0, -3.0]), torch.zeros(3).long(), torch.ones(3, dtype=torch.bool)
        )
