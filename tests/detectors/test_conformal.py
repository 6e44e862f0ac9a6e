"""Thresholds that keep a promise."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.detectors.conformal import Calibration, calibrate

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
        assert torch.equal(new > found.threshold, found.p_values(new) <= asked + 1e-9)


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
