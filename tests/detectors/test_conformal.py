"""Thresholds that keep a promise."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.detectors.conformal import Calibration, calibrate
from irp_lightning.foundation.errors import InputError

SCORES = st.lists(st.integers(-50, 50), min_size=1, max_size=60)
RATES = st.floats(0.01, 0.9)


def of(scores: list[int], asked: float, groups: list[int] | None = None) -> Calibration:
    values = torch.tensor(scores, dtype=torch.double)
    return calibrate(values, groups or list(range(len(scores))), asked)


@given(SCORES, RATES)
def test_of_one_more_image_no_more_than_asked_are_above(scores: list[int], asked: float) -> None:
    """The conformal argument, by counting: each of n + 1 images in turn is the new one."""
    everything = [*scores, 7]
    alarms = 0
    for i, new in enumerate(everything):
        rest = everything[:i] + everything[i + 1 :]
        found = of(rest, asked)
        alarms += new > found.threshold
        promised = found.promised
    assert alarms <= promised * len(everything) + 1e-6


@given(SCORES, RATES)
def test_a_threshold_and_a_p_value_decide_alike(scores: list[int], asked: float) -> None:
    found = of(scores, asked)
    if found.promised == asked:
        new = torch.arange(-60, 60).double()
        as_high = (torch.tensor(scores) >= new[:, None]).sum(dim=1)
        p_values = (1 + as_high) / (1 + len(scores))
        assert torch.equal(new > found.threshold, p_values <= asked + 1e-9)


def test_few_images_promise_no_more_than_they_can() -> None:
    few, many = of(list(range(9)), 0.01), of(list(range(199)), 0.01)
    assert (few.promised, few.threshold) == (0.1, 8.0)
    assert (many.promised, many.threshold) == (0.01, 197.0)
    assert few.low < 0.1 < few.high
    assert few.high - few.low > many.high - many.low


def test_a_group_counts_once() -> None:
    alone = of([1, 2, 3, 4], 0.3)
    often = of([1, 2, 3, *[4] * 50], 0.3, [0, 1, 2, *[3] * 50])
    assert often.threshold == alone.threshold
    assert often.percentile_of(3.5) == pytest.approx(75)


def test_what_was_removed_bounds_the_rate() -> None:
    kept = torch.arange(99).double()
    known = calibrate(kept, list(range(99)), 0.05, torch.tensor([500.0] * 11))
    assert known.at_most == pytest.approx((5 + 11) / 111)
    assert calibrate(kept, list(range(99)), 0.05).at_most == pytest.approx(0.05)


def test_copies_that_were_removed_bound_the_rate_once() -> None:
    kept, gone = torch.arange(99).double(), torch.full((11,), 500.0)
    copies = calibrate(kept, list(range(99)), 0.05, gone, ["one part"] * 11)
    assert copies.at_most == pytest.approx((5 + 1) / 101)


def test_copies_of_one_photograph_promise_a_half() -> None:
    found = calibrate(torch.full((12,), 3.0), ["one part"] * 12, 0.01)
    assert (found.groups, found.promised, found.threshold) == (1, 0.5, 3.0)
    assert found.shortfall == (
        "false alarms of 1 % cannot be guaranteed: 12 normal images in 1 group can guarantee no less "
        "than 50 % (1 in 2), which the threshold 3 is for"
    )


@given(SCORES, RATES)
def test_a_shortfall_is_told_where_there_is_one(scores: list[int], asked: float) -> None:
    found = of(scores, asked)
    least = 1 / (len(scores) + 1)
    if abs(asked - least) > 1e-9:
        assert (found.shortfall is not None) == (asked < least)
        assert found.promised == max(asked, least)


@pytest.mark.parametrize(
    ("scores", "groups", "asked", "reason"),
    [
        ([], [], 0.1, "no image"),
        ([1.0, float("nan")], [0, 1], 0.1, "1 of 2 scores not finite"),
        ([1.0, float("inf")], [0, 1], 0.1, "1 of 2 scores not finite"),
        ([1.0, 2.0], [0], 0.1, "2 scores of 1 image;"),
        ([1.0, 2.0], [0, 1], 0.0, "false_alarms=0.0 is not a share between 0 and 1"),
        ([1.0, 2.0], [0, 1], 1.0, "false_alarms=1.0 is not a share"),
        ([1.0, 2.0], [0, 1], float("nan"), "false_alarms=nan is not a share"),
    ],
)
def test_what_no_threshold_can_be_made_of_is_refused(
    scores: list[float], groups: list[int], asked: float, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as error:
        calibrate(torch.tensor(scores), groups, asked)
    assert "\n" not in str(error.value)


def test_removed_images_without_a_score_are_refused() -> None:
    with pytest.raises(InputError, match="1 of 1 score not finite"):
        calibrate(torch.arange(9), list(range(9)), 0.1, torch.tensor([torch.nan]))


@pytest.mark.parametrize(
    "change",
    [
        {"scores": torch.empty(0, dtype=torch.double), "weights": torch.empty(0, dtype=torch.double)},
        {"scores": torch.tensor([1.0, torch.nan, 3.0], dtype=torch.double)},
        {"scores": torch.tensor([3.0, 2.0, 1.0], dtype=torch.double)},
        {"weights": torch.ones(2, dtype=torch.double)},
        {"weights": torch.tensor([1.0, 0.0, 1.0], dtype=torch.double)},
        {"asked": 0.0},
        {"threshold": float("nan")},
    ],
)
def test_a_damaged_calibration_is_refused(change: dict[str, Any]) -> None:
    state = of([1, 2, 3], 0.3).state()
    Calibration.of_state(state)
    with pytest.raises(InputError):
        Calibration.of_state(state | change)


def test_the_same_scores_with_another_rate() -> None:
    found = of(list(range(199)), 0.01)
    assert found.at(0.1).threshold == of(list(range(199)), 0.1).threshold
    assert Calibration.of_state(found.state()).threshold == found.threshold


def test_false_alarms_of_simulated_detectors_are_as_promised() -> None:
    """Split conformal on simulated scores: the mean rate over many draws is what was asked for."""
    generator = torch.Generator().manual_seed(0)
    rates = []
    for _ in range(400):
        found = calibrate(torch.randn(60, generator=generator), list(range(60)), 0.1)
        rates.append(1 - torch.distributions.Normal(0, 1).cdf(torch.tensor(found.threshold)).item())
    assert sum(rates) / len(rates) == pytest.approx(6 / 61, abs=0.006)
    inside = [found.low <= rate <= found.high for rate in rates]
    assert sum(inside) / len(inside) == pytest.approx(0.9, abs=0.06)


def test_thresholds_are_those_of_another_library() -> None:
    """MAPIE's split conformal regression about a constant 0: the width of its intervals."""
    regression = pytest.importorskip("mapie.regression", reason="needs MAPIE, of the extra dev")
    from sklearn.dummy import DummyRegressor

    scores = torch.rand(80, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    nothing = torch.zeros(80, 1).numpy()
    zero = DummyRegressor(strategy="constant", constant=0.0).fit(nothing, scores.numpy())
    for asked in (0.02, 0.05, 0.1, 0.3):
        library = regression.SplitConformalRegressor(zero, confidence_level=1 - asked, prefit=True)
        library.conformalize(nothing, scores.numpy())
        _, intervals = library.predict_interval(nothing[:1])
        assert of_scores(scores, asked) == pytest.approx(intervals[0, 1, 0])


def of_scores(scores: torch.Tensor, asked: float) -> float:
    return calibrate(scores, list(range(len(scores))), asked).threshold
