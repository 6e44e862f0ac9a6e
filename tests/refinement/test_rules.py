from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.foundation.errors import InputError, WrongValue
from irp_lightning.refinement import config as declared
from irp_lightning.refinement import rules as own_rules
from irp_lightning.refinement.build import find_rule
from irp_lightning.refinement.config import RuleConfig
from irp_lightning.refinement.judgement import MIN_IMAGES, Pruning, judge, keep_worst
from irp_lightning.refinement.rules import (
    false_discovery,
    iqr,
    lambda_median,
    lower_mad,
    mad,
    otsu,
    top_share,
)

REMOVALS = ("worst", "all")

scores_ = st.lists(st.floats(1e-3, 1e6), min_size=3, max_size=40).map(
    lambda v: torch.tensor(v, dtype=torch.float64)
)
ks = st.floats(0.05, 10)
shares = st.floats(0.01, 0.99)
# two_groups has tests of its own: it takes a third of a second.
RULES = {
    target.rpartition(".")[2]: kind
    for target, kind in declared.RULES.items()
    if target != declared.TWO_GROUPS
}
rules = st.sampled_from(sorted(RULES))
scales = st.sampled_from([0.25, 0.5, 2.0, 1024.0])


def parameter(rule: str, k: float) -> float:
    """A share for the rule that takes one."""
    return k / 10.1 if rule in ("top_share", "false_discovery") else k


def threshold(scores: Tensor, rule: str, k: float) -> float:
    """Any k, also one that the configuration refuses."""
    found: float = getattr(own_rules, rule)(scores, **({} if rule == "otsu" else {"k": k}))
    return found


def above(scores: Tensor, threshold: float) -> Tensor:
    return scores.double() > threshold


def removed(scores: Tensor, rule: str, k: float, how: str = "all") -> Tensor:
    """What a judgement takes whose budget leaves three images."""
    k = parameter(rule, k)
    pruning = Pruning(rule=lambda s: threshold(s, rule, k), remove=how, max_removed=0.999)
    return judge(scores, torch.ones(len(scores), dtype=torch.bool), pruning).removed


def excess(scores: Tensor, rule: str, k: float) -> Tensor:
    return above(scores, threshold(scores, rule, parameter(rule, k)))


@given(scores_, ks, ks, st.sampled_from(["lambda_median", "mad", "iqr"]))
def test_a_higher_k_removes_no_more(scores: Tensor, a: float, b: float, rule: str) -> None:
    low, high = sorted((a, b))
    assert not (excess(scores, rule, high) & ~excess(scores, rule, low)).any()


@given(scores_, shares, shares)
def test_a_higher_share_removes_no_less(scores: Tensor, a: float, b: float) -> None:
    low, high = sorted((a, b))
    fewer, more = (above(scores, top_share(scores, share)) for share in (low, high))
    assert not (fewer & ~more).any()


@given(scores_, ks, rules, st.randoms())
def test_rules_are_permutation_equivariant(scores: Tensor, k: float, rule: str, random: object) -> None:
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert torch.equal(excess(scores[order], rule, k), excess(scores, rule, k)[order])


@given(scores_, ks, scales, st.sampled_from(["lambda_median", "mad", "iqr", "top_share"]))
def test_rules_do_not_depend_on_the_scale(scores: Tensor, k: float, scale: float, rule: str) -> None:
    for how in REMOVALS:
        assert torch.equal(removed(scores * scale, rule, k, how), removed(scores, rule, k, how))


@given(scores_, st.floats(0.5, 5), scales, st.sampled_from(["lower_mad", "otsu", "false_discovery"]))
def test_rules_on_logs_do_not_depend_on_the_scale(
    scores: Tensor, k: float, scale: float, rule: str
) -> None:
    # Their logarithms round: what lies on the threshold to the last digits may fall on either side.
    k = parameter(rule, k)
    ours, theirs = threshold(scores * scale, rule, k), threshold(scores, rule, k) * scale
    assert ours == pytest.approx(theirs, rel=1e-6) or bool(
        ((scores * scale - min(ours, theirs)).abs() < 1e-6 * scores * scale).any()
    )


@given(scores_, ks, st.integers(-50, 50), st.sampled_from(["mad", "iqr"]))
def test_mad_and_iqr_move_with_a_shift(scores: Tensor, k: float, shift: int, rule: str) -> None:
    moved = threshold(scores + shift, rule, k)
    assert moved == pytest.approx(threshold(scores, rule, k) + shift, rel=1e-6, abs=1e-6)


@given(scores_, ks, rules, st.sampled_from(REMOVALS))
def test_no_rule_removes_everything(scores: Tensor, k: float, rule: str, how: str) -> None:
    assert (~removed(scores, rule, k, how)).sum() >= MIN_IMAGES


@given(scores_, ks, rules)
def test_equal_scores_share_their_fate(scores: Tensor, k: float, rule: str) -> None:
    doubled = excess(torch.cat([scores, scores]), rule, k)
    assert torch.equal(doubled[: len(scores)], doubled[len(scores) :])


@given(scores_, st.floats(1, 10))
def test_at_least_half_stays_for_lambda_of_one_or_more(scores: Tensor, lam: float) -> None:
    assert 2 * excess(scores, "lambda_median", lam).sum() <= len(scores)


@given(scores_, ks)
def test_worst_is_the_highest_score_whoever_has_it(scores: Tensor, lam: float) -> None:
    threshold = lambda_median(scores, lam)
    chosen = removed(scores, "lambda_median", lam, "worst")
    highest = scores == scores.max()
    if scores.max() > threshold and len(scores) - highest.sum() >= MIN_IMAGES:
        assert torch.equal(chosen, highest)
    else:
        assert not chosen.any()


@given(scores_, st.integers(0, 50), st.data())
def test_limit_keeps_the_highest_of_what_would_go(scores: Tensor, most: int, data: object) -> None:
    wanted = torch.tensor(
        data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))  # type: ignore[attr-defined]
    )
    chosen = keep_worst(wanted, scores, most)
    assert not (chosen & ~wanted).any()
    left = wanted & ~chosen
    if left.any() and chosen.any():
        assert scores[chosen].min() > scores[left].max()
    # As many as fit, without parting equal scores.
    assert chosen.sum() <= most or not left.any()
    if left.any():
        tied = left & (scores == scores[left].max())
        assert chosen.sum() + tied.sum() > most


def test_thresholds_by_hand() -> None:
    scores = torch.tensor([4.0, 1.0, 2.0, 100.0])
    assert lambda_median(scores, 1.5) == pytest.approx(4.5)
    assert mad(scores, 2) == pytest.approx(3 + 2 * 1.4826 * 1.5)
    assert iqr(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), 1.5) == pytest.approx(7.0)
    assert above(torch.tensor([4.5, 4.6]), 4.5).tolist() == [False, True]
    assert above(scores, top_share(scores, 0.5)).tolist() == [True, False, False, True]
    hundred = torch.arange(100.0)
    assert above(hundred, top_share(hundred, 0.29)).sum() == 29


def test_otsu_splits_two_clusters() -> None:
    scores = torch.tensor([1.0, 1.1, 0.9, 40.0, 1.05, 35.0])
    assert above(scores, otsu(scores)).tolist() == [False, False, False, True, False, True]


def test_lower_mad_finds_outliers_that_lift_median_and_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(300, generator=generator).mul(0.1).exp()
    outliers = torch.linspace(1.6, 30, 200)
    both = torch.cat([normal, outliers])
    removal = above(both, lower_mad(both, 3))
    assert removal[300:].all()
    assert removal[:300].sum() <= 5
    # Forty percent of outliers are more than a spread around the median can stand.
    assert not above(outliers, mad(both, 3)).all()


@pytest.mark.parametrize("values", [[-3.0, -2.0, 5.0], [0.0, 0.0, 1.0]])
@pytest.mark.parametrize("rule", ["lambda_median", "lower_mad", "otsu"])
def test_scores_that_a_rule_cannot_judge_are_refused(values: list[float], rule: str) -> None:
    with pytest.raises(InputError, match=r"a positive score \(such as latent\)"):
        threshold(torch.tensor(values), rule, 1.5)


def test_every_rule_of_the_configuration_is_there_and_no_other() -> None:
    scores = torch.tensor([1.0, 2.0, 3.0, 4.0, 50.0])
    for name, kind in declared.RULES.items():
        rest = {} if kind is declared.NoArguments else {"k": 0.5}
        assert find_rule(RuleConfig(_target_=name, rest=rest))(scores)


def test_a_rule_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_rules.py").write_text("def mean(scores, k):\n    return k * scores.mean()\n")
    monkeypatch.syspath_prepend(tmp_path)
    mean = find_rule(RuleConfig(_target_="my_rules.mean", rest={"k": 2}))
    scores = torch.tensor([1.0, 1.0, 1.0, 1.0, 10.0])
    found = judge(scores, torch.ones(5, dtype=torch.bool), Pruning(rule=mean, remove="all"))
    assert found.removed.tolist() == [False, False, False, False, True]
    assert found.threshold == pytest.approx(5.6)
    for target, rest, told in (
        ("my_rules.median", {}, "is not there: my_rules has no median"),
        ("nowhere.rule", {}, "cannot be imported"),
        ("my_rules.mean", {"k": 1, "share": 1}, "cannot be called: .*share"),
        ("my_rules.mean", {}, "cannot be called: .*'k'"),
    ):
        with pytest.raises(WrongValue, match=rf"^_target_={target} {told}"):
            find_rule(RuleConfig(_target_=target, rest=rest))


def test_more_false_discoveries_reach_further_down() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(300, generator=generator).mul(0.2).exp()
    scores = torch.cat([normal, torch.linspace(1, 4, 60)])
    low, middle, high = (false_discovery(scores, share) for share in (0.01, 0.1, 0.4))
    assert low > middle > high


def log_normal(count: int, seed: int) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed)).mul(0.2).exp()


def test_of_clean_scores_next_to_nothing_is_discovered() -> None:
    removed_ = [
        above(scores, false_discovery(scores, 0.1)).float().mean().item()
        for scores in (log_normal(300, seed) for seed in range(40))
    ]
    assert sum(removed_) / len(removed_) < 0.01
    # lower_mad at the same height (its k is 2.3 where 1 % of normal ones lie above) has no such measure.
    assert max(removed_) < 0.05


def test_where_another_population_begins_most_of_it_is_discovered() -> None:
    wrong = found = all_ = 0
    for seed in range(20):
        scores = torch.cat([log_normal(240, seed), 2.2 * log_normal(60, 100 + seed)])
        over = above(scores, false_discovery(scores, 0.1))
        wrong, found, all_ = wrong + int(over[:240].sum()), found + int(over[240:].sum()), all_ + 60
    assert found / all_ > 0.9
    assert wrong / (wrong + found) < 0.15  # a tenth was asked for
    # A threshold for clean data, three spreads, finds fewer of them.
    assert lower_mad(scores, 3.0) > false_discovery(scores, 0.1)


def test_equal_scores_are_no_discovery() -> None:
    assert false_discovery(torch.ones(9), 0.5) == 1.0
