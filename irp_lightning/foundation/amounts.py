"""Shares and counts as text that does not round into an untruth."""

__all__ = ["counted", "percent", "told_apart"]

DIGITS = 3
"""At least so many significant ones."""


def percent(share: float) -> str:
    """A share as a percentage: 0 % and 100 % are exact, and 99.99 % is not rounded to 100 %.

    >>> percent(0), percent(0.0004), percent(0.0101), percent(0.99996), percent(1)
    ('0 %', '0.04 %', '1.01 %', '99.996 %', '100 %')
    """
    for digits in range(DIGITS, 18):
        text = f"{100 * share:.{digits}g}"
        if share >= 1 or float(text) < 100:
            break
    return f"{text} %"


def counted(count: int, noun: str) -> str:
    """A count and its noun, whose plural ends in s.

    >>> counted(1, "group"), counted(12, "group")
    ('1 group', '12 groups')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ.

    >>> told_apart(1.40001, 1.4), told_apart(2.0, 1.0), told_apart(1.5, 1.5)
    (('1.40001', '1.40000'), ('2.00', '1.00'), ('1.50', '1.50'))
    """
    for digits in range(DIGITS, 18):
        texts = f"{one:#.{digits}g}", f"{other:#.{digits}g}"
        if one == other or texts[0] != texts[1]:
            break
    return texts
