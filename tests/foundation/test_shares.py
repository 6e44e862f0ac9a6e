"""Shares of a whole."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.foundation.shares import exact, whole_share


@given(count=st.integers(1, 100_000), data=st.data())
def test_a_share_that_is_a_whole_number_of_images_is_that_number(
    count: int, data: st.DataObject
) -> None:
    wanted = data.draw(st.integers(0, count))
    assert whole_share(wanted / count, count) == wanted


@given(decimals=st.integers(1, 6), count=st.integers(0, 1_000_000), data=st.data())
def test_a_decimal_share_is_never_exceeded_and_never_one_short(
    decimals: int, count: int, data: st.DataObject
) -> None:
    digits = data.draw(st.integers(0, 10**decimals))
    share = float(f"{digits}e-{decimals}")
    assert exact(share) == Fraction(digits, 10**decimals)
    assert whole_share(share, count) == digits * count // 10**decimals
