"""What is shown of every picture of a run, as plain values: a checkpoint of any origin may hold them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import choice, free, text, whole

__all__ = ["Part"]

LARGEST_SIDE = 2**14
"""Pixels of a side that is shown."""


def _shares(count: int, low: float, high: float) -> Callable[[Any], tuple[float, ...]]:
    def check(value: Any) -> tuple[float, ...]:
        listed = list(value) if isinstance(value, list | tuple) else []
        good = all(isinstance(n, int | float) and not isinstance(n, bool) for n in listed)
        if len(listed) != count or not good or not all(low <= n <= high for n in listed):
            raise ValueError(f"is no list of {count} numbers from {low:g} to {high:g}")
        return tuple(map(float, listed))

    return check


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is shown of every picture.

    Attributes:
        kind: ``box``, one place of every picture; or ``upright``, found in each and turned.
        box: Of kind ``box``: left, top, right, bottom, as shares of width and height.
        extent: Of kind ``upright``: width and height, as shares of the picture's mean side.
        width: Of what is shown, in pixels.
        height: Likewise.
        columns: Patches from left to right.
        rows: Patches from top to bottom.
        template: Of kind ``upright``: the digest of the picture that tells an upright part from one that
            is turned by 180°.

    Raises:
        WrongValue: The box is empty, or there are more patches than pixels.
    """

    kind: str = choice("box", "upright")
    box: tuple[float, ...] = free(_shares(4, 0, 1), (0.0, 0.0, 1.0, 1.0))
    extent: tuple[float, ...] = free(_shares(2, 1e-3, 4), (1.0, 1.0))
    width: int = whole(1)
    height: int = whole(1)
    columns: int = whole(1)
    rows: int = whole(1)
    template: str | None = text(None, optional=True)

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if right <= left or bottom <= top:
            raise WrongValue("box", self.box, "is empty")
        for side, patches in (("width", "columns"), ("height", "rows")):
            if (pixels := getattr(self, side)) > LARGEST_SIDE:
                raise WrongValue(side, pixels, f"is more than {LARGEST_SIDE} pixels")
            if (count := getattr(self, patches)) > pixels:
                raise WrongValue(patches, count, f"is more than {pixels} pixels have")
