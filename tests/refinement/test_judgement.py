"""Judgements: what goes, what stays, and when it is over."""

from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.shares import exact
from irp_lightning.refinement import rules
from irp_lightning.refinement.judgement import MIN_IMAGES, Judgement, Pruning, is_over, judge
from irp_lightning.refinement.rounds import Round

SCORES = torch.tensor([1.0, 1.1, 0.9, 1.0, 8.0, 9.0, 7.0, 1.05])


def config(k: float = 3.0, **values: Any) -> Pruning:
    rule = partial(rules.lambda_median, k=k)
    return Pruning(**{"rule": rule, "remove": "all", **values})


def quiet(*removals: bool) -> list[Round]:
    """Rounds that removed something, or not."""
    one = torch.ones(4, dtype=torch.bool)
    return [
        Round(number=i, active=one, scores=one.float(), removed=one & r) for i, r in enumerate(removals)
    ]


def test_what_stands_out_goes() -> None:
    found = judge(SCORES, torch.ones(8, dtype=torch.bool), config())
    assert found.removed.nonzero().flatten().tolist() == [4, 5, 6]
    assert found.threshold == pytest.approx(3 * 1.075)
    assert not found.converged


def test_only_active_images_are_judged() -> None:
    active = SCORES < 8.5
    found = judge(SCORES, active, config())
    assert found.removed.nonzero().flatten().tolist() == [4, 6]
    nan = SCORES.masked_fill(~active, torch.nan)
    assert torch.equal(judge(nan, active, config()).removed, found.removed)


def test_the_worst_alone() -> None:
    found = judge(SCORES, torch.ones(8, dtype=torch.bool), config(remove="worst"))
    assert found.removed.nonzero().flatten().tolist() == [5]


def test_nothing_stands_out() -> None:
    found = judge(SCORES, torch.ones(8, dtype=torch.bool), config(k=20.0))
    assert found.converged
    assert not found.removed.any()


@given(
    st.lists(st.floats(0.1, 100), min_size=3, max_size=30),
    st.lists(st.booleans(), min_size=30, max_size=30),
    st.floats(0.01, 0.99),
    st.sampled_from(["worst", "all"]),
)
def test_the_budget_holds_whatever_the_scores(
    values: list[float], kept: list[bool], most: float, remove: str
) -> None:
    scores, active = torch.tensor(values), torch.tensor(kept[: len(values)])
    if not active.any():
        return
    found = judge(scores, active, config(k=0.5, remove=remove, max_removed=most))
    gone = ~active | found.removed
    assert not (found.removed & ~active).any()
    if found.removed.any():
        assert gone.sum().item() <= exact(most) * len(values)
        assert (~gone).sum() >= MIN_IMAGES


@pytest.mark.parametrize(
    ("patience", "before", "over"),
    [
        (1, [], True),
        (1, [True], True),
        (2, [], False),
        (2, [True], False),
        (2, [False], True),
        (3, [False], False),
        (3, [True, False], False),
        (3, [True, False, False], True),
    ],
)
def test_patience_counts_quiet_rounds_in_a_row(patience: int, before: list[bool], over: bool) -> None:
    nothing: Tensor = torch.zeros(4, dtype=torch.bool)
    assert (
        is_over(Judgement(threshold=1.0, removed=nothing, converged=True), quiet(*before), patience)
        is over
    )


def test_a_used_up_budget_is_the_end_and_a_removal_is_not() -> None:
    some = torch.tensor([True, False, False, False])
    assert is_over(Judgement(threshold=1.0, removed=~some & some, converged=False), [], 5)
    assert not is_over(Judgement(threshold=1.0, removed=some, converged=False), [], 1)


def halves(scores: Tensor, k: float) -> Tensor:
    """No rule: two numbers."""
    return torch.quantile(scores, torch.tensor([0.5, k], dtype=scores.dtype))


def nowhere(scores: Tensor, k: float) -> float:
    """A threshold that nothing can be held against."""
    return float("nan")


@pytest.mark.parametrize("rule", [halves, nowhere])
def test_a_rule_gives_one_number(rule: Any) -> None:
    own = config(rule=partial(rule, k=0.9))
    with pytest.raises(InputError, match=rf"rule {rule.__name__} gave .*; it must give one"):
        judge(SCORES, torch.ones(8, dtype=torch.bool), own)


def test_a_share_of_29_percent_of_100_images_is_29() -> None:
    found = judge(
        torch.arange(1.0, 101), torch.ones(100, dtype=torch.bool), config(k=0.5, max_removed=0.29)
    )
    assert found.removed.sum() == 29
