"""One kind of image or two: what is removed, and the estimates beside it."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.two_groups import FEWEST, TwoGroups, describe_groups, two_groups


def drawn(normal: int, defective: int, seed: int) -> Tensor:
    """Scores as models of patches give them: logarithms skewed to the right, defects above."""
    generator = torch.Generator().manual_seed(seed)
    exponential = -torch.rand(6, normal, generator=generator, dtype=torch.double).log()
    ordinary = -(exponential.sum(dim=0) / 6).log()
    reach = -torch.rand(2, defective, generator=generator, dtype=torch.double).log()
    return torch.cat([0.12 * ordinary, 0.12 * (2 * reach.sum(dim=0) + 1)]).exp()


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_of_one_kind_nothing_goes(seed: int) -> None:
    scores = drawn(200, 0, seed)
    found = describe_groups(scores)
    assert found.is_clean
    assert found.share < 0.1
    assert found.interval[0] == 0
    assert not (scores > two_groups(scores, 0.1)).any()


@pytest.mark.parametrize(("normal", "defective"), [(180, 20), (240, 60)])
def test_of_two_kinds_the_upper_one_goes(normal: int, defective: int) -> None:
    scores = drawn(normal, defective, 0)
    found = describe_groups(scores)
    share = defective / (normal + defective)
    assert found.clean_probability < 0.01
    assert found.interval[0] <= share <= found.interval[1]
    assert found.share == pytest.approx(share, abs=0.05)
    gone = scores > two_groups(scores, 0.1)
    assert gone[normal:].float().mean() > 0.8
    assert (~gone[normal:]).sum() + gone[:normal].sum() < 0.15 * defective + 5


def test_a_smaller_share_of_wrong_ones_removes_fewer() -> None:
    scores = drawn(180, 20, 1)
    strict, lax = (scores > two_groups(scores, k) for k in (0.01, 0.3))
    assert 0 < strict.sum() < lax.sum()
    assert not (strict & ~lax).any()


def test_a_higher_score_is_never_likelier_normal() -> None:
    scores = drawn(100, 20, 2)
    chances = describe_groups(scores).normal_chances[scores.argsort()]
    assert (chances.diff() <= 0).all()
    assert (chances >= 0).all()
    assert (chances <= 1).all()


@settings(max_examples=5, deadline=None)
@given(st.sampled_from([0.25, 2.0, 1024.0]), st.integers(0, 9), st.randoms(use_true_random=False))
def test_neither_scale_nor_order_matters(scale: float, seed: int, random: object) -> None:
    scores = drawn(60, 8, seed)
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found, other = describe_groups(scores), describe_groups(scores[order] * scale)
    assert other.clean_probability == pytest.approx(found.clean_probability, abs=1e-3)
    assert other.share == pytest.approx(found.share, abs=1e-3)
    torch.testing.assert_close(other.normal_chances, found.normal_chances[order], atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    "scores",
    [torch.ones(50), torch.tensor([1.0, 2.0, 50.0]), torch.arange(1.0, FEWEST)],
    ids=["equal", "three", "few"],
)
def test_scores_that_show_no_spread_are_one_kind(scores: Tensor) -> None:
    assert describe_groups(scores).clean_probability == 1
    assert not (scores > two_groups(scores, 0.1)).any()


def test_copies_share_their_fate() -> None:
    scores = drawn(60, 10, 3).repeat(2)
    gone = scores > two_groups(scores, 0.1)
    assert torch.equal(gone[:70], gone[70:])


def test_scores_without_a_logarithm_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"the lowest score is -1: the rule two_groups takes logarithms"
    ):
        two_groups(torch.tensor([-1.0, *range(1, 20)]), 0.1)


@pytest.mark.parametrize("seed", range(6))
def test_of_few_images_at_most_a_tenth_goes(seed: int) -> None:
    for scores in (drawn(40, 0, seed), drawn(30, 10, seed), drawn(80, 20, seed)):
        assert (scores > two_groups(scores, 0.1)).sum() <= len(scores) / 10


def test_few_images_ask_for_more_certainty() -> None:
    doubtful = torch.full((100,), 0.01, dtype=torch.double)
    few = TwoGroups(clean_probability=0.3, share=0.1, interval=(0, 0.4), normal_chances=doubtful)
    many = replace(few, normal_chances=doubtful.repeat(2))
    assert few.is_clean
    assert not many.is_clean
    assert not replace(few, clean_probability=0.1).is_clean
