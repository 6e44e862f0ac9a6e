"""Shares of a whole, exact: 29 % of 100 are 29, though 0.29 * 100 is less in floating point."""

import math
from fractions import Fraction

__all__ = ["exact", "whole_share"]

FINEST = 10**9
"""The largest denominator. A float of up to six decimals is nearer to its decimal than to any other such
fraction, and n / m is nearer to itself, up to some millions."""


def exact(share: float) -> Fraction:
    """The number that a float stands for: of the fractions next to it the simple one.

    >>> exact(0.29), exact(1 / 3)
    (Fraction(29, 100), Fraction(1, 3))
    """
    return Fraction(share).limit_denominator(FINEST)


def whole_share(share: float, count: int) -> int:
    """How many of ``count`` are at most a ``share`` of them.

    >>> whole_share(0.29, 100), int(0.29 * 100)
    (29, 28)
    """
    return math.floor(exact(share) * count)
