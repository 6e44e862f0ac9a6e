r"""Texts in the cells of CSV tables, so that no spreadsheet runs them.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and a file's name
may begin so. An apostrophe in front makes text of it (OWASP: *CSV injection*).
"""

import re
from typing import TypeVar

__all__ = ["as_cell", "from_cell"]

RUN = re.compile("'*[-=+@\t\r\n＝＋－＠]")
"""What a spreadsheet would run, whatever apostrophes stand in front; full-width signs are signs, too."""

T = TypeVar("T")


def as_cell(value: T) -> T | str:
    """What to write of a value: an apostrophe more in front of a text that would be run.

    A text that has apostrophes there already gets one more, too: so :func:`from_cell` gives each text
    back. What is no text, such as a number below 0, is left as it is.

    >>> as_cell("=1+1.png"), as_cell("'-a"), as_cell("a-b"), as_cell(-0.5)
    ("'=1+1.png", "''-a", 'a-b', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and RUN.match(value) else value


def from_cell(text: str) -> str:
    """The text that :func:`as_cell` has written; one that nobody has changed stays as it is.

    >>> from_cell("'=1+1.png"), from_cell("''-a"), from_cell("-0.5"), from_cell("it's")
    ('=1+1.png', "'-a", '-0.5', "it's")
    """
    return text[1:] if text.startswith("'") and RUN.match(text) else text
