"""Meaning of deep images' numbers: one rule for a folder, never image by image.

Eight bits a channel are what they are. Of deeper files, ``data.bit_depth`` says how many bits hold data;
``auto`` takes, of all images together, the fewest that hold the highest value: 12 of a 12-bit camera
whose values lie in 16-bit files. Floating-point numbers lie in [0, 1], unless one is above 1: then they
are read as integers are. Nothing is stretched beyond that: brightness can be the defect.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from irp_lightning.data.audit.remarks import Remark, listed
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["BITS", "BitDepth", "Extent", "bit_depth_remarks", "check_values", "find_bit_depth"]

BITS = (8, 10, 12, 14, 16)
"""Numbers of bits that cameras give."""

UNIT = 0
"""Instead of bits: numbers in [0, 1]."""

SLACK = 0.01
"""Share of the full scale by which floating-point numbers may leave it; they are clipped."""


@dataclass(frozen=True)
class BitDepth:
    """Conversion of deep numbers to 8 bits.

    Attributes:
        integers: Bits that hold data in files of 16-bit (or longer) integers.
        floats: Bits likewise in files of floating-point numbers; 0: they lie in [0, 1].
    """

    integers: int = 16
    floats: int = UNIT


@dataclass(frozen=True)
class Extent:
    """The values of a decoded image.

    Attributes:
        numbers: As in :class:`irp_lightning.data.files.headers.Header`.
        lowest: Over all channels.
        highest: Likewise.
        constant: Whether each channel holds one value.
        transparent: Whether some of it is, in part or whole.
        finite: Whether all numbers are.
    """

    numbers: str
    lowest: float
    highest: float
    constant: bool
    transparent: bool = False
    finite: bool = True


def find_bit_depth(setting: str | int, extents: Mapping[str, Extent]) -> BitDepth:
    """The bit depth of a folder's deep images.

    Args:
        setting: ``data.bit_depth``: ``auto``, ``unit`` (floating-point numbers in [0, 1]) or bits.
        extents: Of the images that are deeper than 8 bits, by name.

    Raises:
        WrongValue: A value does not fit: below zero, or above what so many bits hold.
    """
    found = BitDepth()
    for numbers in ("integers", "floats"):
        of_kind = {name: extent for name, extent in extents.items() if extent.numbers == numbers}
        if not of_kind:
            continue
        top = max(of_kind, key=lambda name: of_kind[name].highest)
        highest = of_kind[top].highest
        bits = _bits(setting, numbers, highest, top)
        low = min(of_kind, key=lambda name: of_kind[name].lowest)
        slack = SLACK * (2**bits - 1 if bits else 1) if numbers == "floats" else 0
        if of_kind[low].lowest < -slack:
            raise WrongValue(
                "bit_depth",
                setting,
                f"takes no values below 0, and {low} holds {of_kind[low].lowest:g}; shift them",
            )
        found = BitDepth(bits, found.floats) if numbers == "integers" else BitDepth(found.integers, bits)
    return found


def _bits(setting: str | int, numbers: str, highest: float, name: str) -> int:
    slack = 1 + SLACK if numbers == "floats" else 1
    if numbers == "floats" and (setting == "unit" or (setting == "auto" and highest <= slack)):
        if highest > slack:
            raise WrongValue(
                "bit_depth",
                setting,
                f"takes numbers in [0, 1], and {name} holds {highest:g}; set the bits, as 8",
            )
        return UNIT
    choices = [setting] if isinstance(setting, int) else BITS if setting == "auto" else [16]
    for bits in choices:
        if highest <= (2**bits - 1) * slack:
            return bits
    more = (
        "set data.bit_depth higher"
        if isinstance(setting, int) and setting < BITS[-1]
        else "scale the values down"
    )
    raise WrongValue(
        "bit_depth",
        setting,
        f"holds values up to {2 ** choices[-1] - 1}, and {name} holds {highest:g}; {more}",
    )


def check_values(name: str, extent: Extent, bit_depth: BitDepth) -> None:
    """Check that the values of a further image fit the bit depth that was found.

    Args:
        name: The image's, for the message.
        extent: Its values.
        bit_depth: Of the images that a detector was trained on.

    Raises:
        InputError: A value is below 0 or above the full scale.
    """
    if extent.numbers == "8-bit":
        return
    bits = bit_depth.integers if extent.numbers == "integers" else bit_depth.floats
    full = 2**bits - 1 if bits else 1
    slack = SLACK * full if extent.numbers == "floats" else 0
    if not -slack <= extent.lowest <= extent.highest <= full + slack:
        raise InputError(
            f"{name} holds values from {extent.lowest:g} to {extent.highest:g}, and the training images "
            f"were read as 0 to {full}; scale the values as theirs were"
        )


def bit_depth_remarks(
    samples: list[Sample], extents: Mapping[str, Extent], bit_depth: BitDepth
) -> list[Remark]:
    """How deep images were taken, and whether there are several bit depths."""
    kinds = {s.name: extents[s.name].numbers if s.name in extents else "8-bit" for s in samples}
    counts = Counter(kinds.values())
    said = {
        "8-bit": "8 bits",
        "integers": f"{bit_depth.integers} bits",
        "floats": f"{bit_depth.floats} bits",
    }
    if bit_depth.floats == UNIT:
        said["floats"] = "numbers in [0, 1]"
    remarks = []
    for numbers, described in (("integers", "16-bit"), ("floats", "floating-point")):
        if count := counts[numbers]:
            highest = max(e.highest for e in extents.values() if e.numbers == numbers)
            text = (
                f"{count} {described} images hold values up to {highest:g} and are read as "
                f"{said[numbers]} (data.bit_depth)"
            )
            remarks.append(Remark("bit_depth", count, text))
    if len(counts) > 1:
        parts = []
        for kind, count in counts.most_common():
            where = Counter(f"{s.side}/{s.defect}" for s in samples if kinds[s.name] == kind)
            parts.append(
                f"{count} of {said[kind]} ({listed([f'{n} {w}' for w, n in where.most_common()])})"
            )
        by_label = [{kinds[s.name] for s in samples if s.label == label} for label in (0, 1)]
        text = f"images of several bit depths: {'; '.join(parts)}"
        tells = len({frozenset(found) for found in by_label if found}) > 1
        if tells:
            text += ": the bit depth tells normal from defective"
        remarks.append(
            Remark("mixed_bit_depths", sum(counts.values()) - max(counts.values()), text, tells)
        )
    return remarks
