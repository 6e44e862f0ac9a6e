"""Text of shares and counts says nothing that is not so."""

from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.foundation.amounts import percent, told_apart


@given(st.floats(0, 1))
def test_only_nothing_is_0_percent_and_only_all_is_100(share: float) -> None:
    shown = float(percent(share).removesuffix(" %"))
    assert (shown == 0) == (100 * share == 0)
    assert (shown == 100) == (100 * share == 100)
    assert abs(shown - 100 * share) <= 0.005 * 100 * share


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_numbers_that_differ_look_so(one: float, other: float) -> None:
    texts = told_apart(one, other)
    assert (texts[0] == texts[1]) == (one == other)
