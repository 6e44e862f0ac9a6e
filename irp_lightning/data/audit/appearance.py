"""Properties of training photographs' files, and differences of a new photograph."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from irp_lightning.data.files.bit_depth import Extent
from irp_lightning.data.files.headers import Header
from irp_lightning.foundation.errors import InputError

__all__ = ["Appearance", "appearance_of", "oddities"]

KINDS = {"8-bit": "8 bits a channel", "integers": "16 bits a channel", "floats": "floats"}
"""What numbers are, in words."""

SIZE_SLACK, ASPECT_SLACK = 1.1, 1.05
"""Factors by which a photograph may leave the range of the training photographs without a word."""


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """The ranges that training photographs span.

    Attributes:
        colours: ``colour``, ``grey``, or both.
        numbers: Kinds of numbers, as in :class:`irp_lightning.data.files.headers.Header`.
        smallest: Lowest geometric mean of width and height, in pixels.
        largest: The highest.
        narrowest: Lowest width divided by height.
        widest: The highest.
    """

    colours: tuple[str, ...]
    numbers: tuple[str, ...]
    smallest: float
    largest: float
    narrowest: float
    widest: float

    def check(self, name: str, header: Header) -> None:
        """Refuse a photograph whose numbers have no known meaning.

        Raises:
            InputError: It is deeper than 8 bits, and no training photograph was.
        """
        if header.numbers != "8-bit" and header.numbers not in self.numbers:
            raise InputError(
                f"{name} holds {KINDS[header.numbers]}, and the detector was trained on "
                f"{' and '.join(KINDS[kind] for kind in self.numbers)}: how many of the bits hold data "
                "is not known; convert the photograph as the training photographs were"
            )

    def differences(self, header: Header) -> dict[str, str]:
        """What tells a photograph from all training photographs, in words by kind.

        Args:
            header: Of the photograph.
        """
        found = {}
        if (colour := _colour(header)) not in self.colours:
            found["colour"] = f"is {_shown(colour)}, and the detector was trained on {self.colours[0]}"
        if header.numbers not in self.numbers:
            found["bit depth"] = (
                f"holds {KINDS[header.numbers]}, and the detector was trained on "
                f"{KINDS[self.numbers[0]]}"
            )
        width, height = header.upright
        if not self.smallest / SIZE_SLACK <= _size(header) <= self.largest * SIZE_SLACK:
            found["size"] = (
                f"has {width} x {height} pixels, a mean side of {_size(header):.0f}, and the mean side "
                f"of training photographs was {_range(self.smallest, self.largest, '.0f')}"
            )
        if not self.narrowest / ASPECT_SLACK <= width / height <= self.widest * ASPECT_SLACK:
            found["aspect"] = (
                f"is {width / height:.2f} times as wide as high, and the training photographs were "
                f"{_range(self.narrowest, self.widest, '.2f')} times"
            )
        return found

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "Appearance":
        """What :meth:`state` gave.

        Raises:
            ValueError: A kind is unknown or missing, or a size is not a positive number.
        """
        listed = {name: tuple(map(str, state[name])) for name in ("colours", "numbers")}
        numbers = {name: float(state[name]) for name in ("smallest", "largest", "narrowest", "widest")}
        known = {"colours": {"colour", "grey"}, "numbers": KINDS.keys()}
        if not all(listed[name] and known[name] >= {*listed[name]} for name in known):
            raise ValueError(f"{listed} is no kind of photographs")
        if not all(math.isfinite(n) and n > 0 for n in numbers.values()):
            raise ValueError(f"{numbers} are no sizes of photographs")
        return cls(**listed, **numbers)  # type: ignore[arg-type]


def appearance_of(headers: Sequence[Header]) -> Appearance:
    """The ranges that some photographs span; at least one."""
    aspects = [header.upright[0] / header.upright[1] for header in headers]
    sizes = list(map(_size, headers))
    return Appearance(
        colours=tuple(sorted(set(map(_colour, headers)))),
        numbers=tuple(sorted({header.numbers for header in headers})),
        smallest=min(sizes),
        largest=max(sizes),
        narrowest=min(aspects),
        widest=max(aspects),
    )


def oddities(header: Header, extent: Extent) -> dict[str, str]:
    """Find what training also remarks on, such as several pages or one colour: text by kind."""
    found = {}
    if header.pages > 1:
        found["pages"] = f"has {header.pages} pages; the first is read"
    if extent.constant:
        found["constant"] = "has only one colour"
    if extent.transparent:
        found["transparent"] = "has transparent parts; the colours below them are read"
    if not extent.finite:
        found["not finite"] = "holds numbers that are not finite; they are read as 0"
    return found


def _colour(header: Header) -> str:
    return "colour" if header.colour else "grey"


def _shown(colour: str) -> str:
    return "in colour" if colour == "colour" else colour


def _size(header: Header) -> float:
    return float((header.width * header.height) ** 0.5)


def _range(low: float, high: float, form: str) -> str:
    one, other = format(low, form), format(high, form)
    return one if one == other else f"{one} to {other}"
