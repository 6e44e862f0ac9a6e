"""Cells of CSV tables that a spreadsheet would run."""

from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.foundation.cells import as_cell, from_cell

any_text = st.text() | st.from_regex(r"\A'{0,3}[-=+@\t\r＝]", fullmatch=False)


@given(any_text)
def test_any_text_comes_back_and_none_is_run(text: str) -> None:
    written = as_cell(text)
    assert from_cell(written) == text
    assert not written.startswith(tuple("=+-@\t\r\n"))


@given(st.none() | st.integers() | st.floats())
def test_numbers_stay_numbers(value: float | None) -> None:
    assert as_cell(value) is value
