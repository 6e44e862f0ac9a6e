import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.errors import InputError
from irp_lightning.refinement.rules import REMOVALS, above, lambda_median, limit, worst_above

scores_ = st.lists(st.floats(1e-3, 1e6), min_size=3, max_size=40).map(
    lambda v: torch.tensor(v, dtype=torch.float64)
)
lams = st.floats(0.1, 10)


def removed(scores: Tensor, lam: float, how: str) -> Tensor:
    return REMOVALS[how](scores, lambda_median(scores, lam))


@given(scores_, lams, lams)
def test_a_higher_lambda_removes_no_more(scores: Tensor, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert not (removed(scores, high, "all") & ~removed(scores, low, "all")).any()


@given(scores_, lams, st.randoms())
def test_all_is_permutation_equivariant(scores: Tensor, lam: float, random: object) -> None:
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert torch.equal(removed(scores[order], lam, "all"), removed(scores, lam, "all")[order])


@given(scores_, lams, st.sampled_from([0.25, 0.5, 2.0, 1024.0]), st.sampled_from(list(REMOVALS)))
def test_rules_do_not_depend_on_the_scale(scores: Tensor, lam: float, scale: float, how: str) -> None:
    assert torch.equal(removed(scores * scale, lam, how), removed(scores, lam, how))


@given(scores_, st.floats(1, 10))
def test_at_least_half_stays_for_lambda_of_one_or_more(scores: Tensor, lam: float) -> None:
    assert 2 * removed(scores, lam, "all").sum() <= len(scores)


@given(scores_, lams)
def test_worst_is_the_first_of_the_highest(scores: Tensor, lam: float) -> None:
    threshold = lambda_median(scores, lam)
    chosen = worst_above(scores, threshold)
    if scores.max() > threshold:
        assert chosen.nonzero().tolist() == [[int(scores.argmax())]]
    else:
        assert not chosen.any()


@given(scores_, st.integers(0, 50), st.data())
def test_limit_keeps_the_highest_of_what_would_go(scores: Tensor, most: int, data: object) -> None:
    wanted = torch.tensor(
        data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))  # type: ignore[attr-defined]
    )
    chosen = limit(wanted, scores, most)
    assert not (chosen & ~wanted).any()
    assert chosen.sum() == min(most, int(wanted.sum()))
    left = wanted & ~chosen
    if left.any() and chosen.any():
        assert scores[chosen].min() >= scores[left].max()


def test_threshold_is_lambda_times_the_median() -> None:
    assert lambda_median(torch.tensor([4.0, 1.0, 2.0, 100.0]), 1.5) == pytest.approx(4.5)
    assert above(torch.tensor([4.5, 4.6]), 4.5).tolist() == [False, True]


@pytest.mark.parametrize("values", [[-3.0, -2.0, 5.0], [0.0, 0.0, 1.0]])
def test_a_median_that_is_not_positive_is_refused(values: list[float]) -> None:
    with pytest.raises(InputError, match=r"model\.score=latent"):
        lambda_median(torch.tensor(values), 1.5)
