"""Header of an image file, read without decoding the pixels."""

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from irp_lightning.data.files.pixel_limit import without_pixel_limit
from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["DECODE_ERRORS", "Header", "bounded_header", "header_of", "read_header"]

# What Pillow was seen to raise on damaged files, besides its own UnidentifiedImageError (an OSError).
DECODE_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError),
    *(struct.error, zlib.error),
)

POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS left in an image's place."""

TURNED = (5, 6, 7, 8)
"""Orientations in which width and height change places."""

GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of one channel."""

DEEP = re.compile(r";16[BLN]|\('RGB', 65535\)")
"""What Pillow hands its decoders of colour with 16 bits a channel; ``BGR;16`` are 16 bits a pixel. A PPM
whose scale ends below 65535 says how many bits hold data, and is cut down rightly."""

SIZE_BOX, SIZE_MARKER = b"ihdr", b"\xff\x4f\xff\x51"
"""What comes in a JPEG 2000 before the size and, 14 or 42 bytes on, the bits of a channel, less one."""

SEQUENCES = ("TIFF", "GIF", "PNG", "WEBP")
"""Formats whose further pictures are not just previews of the first."""

PHOTOMETRIC, SAMPLE_FORMAT = 262, 339
"""Tags of a TIFF: whether zero is white (0), and whether numbers have a sign (2)."""


@dataclass(frozen=True)
class Header:
    """Size and kind of an image.

    Attributes:
        width: As stored, in pixels.
        height: Likewise.
        orientation: The camera's tag, 1 to 8; 1 is upright.
        numbers: What a channel holds: ``"8-bit"``, ``"integers"`` (of 16 bits or more) or ``"floats"``.
        pages: How many pictures the file holds.
        colour: Whether it has several channels besides transparency.
        format: Pillow's name of it.
    """

    width: int
    height: int
    orientation: int
    numbers: str
    pages: int
    colour: bool
    format: str

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once the orientation is applied."""
        if self.orientation in TURNED:
            return self.height, self.width
        return self.width, self.height


def read_header(path: Path) -> Header:
    """Open an image without decoding it.

    Raises:
        InputError: It is missing or no image.
    """
    try:
        with without_pixel_limit(), path.open("rb") as stream, Image.open(stream) as file:
            return header_of(file)
    except DECODE_ERRORS as error:
        raise InputError(f"{path} is not a readable image ({_reason(path, error)})") from error


def _reason(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as stream:
            if stream.read(len(POINTER)) == POINTER:
                return "it is a pointer of Git LFS: run git lfs pull"
    except OSError:
        pass
    return one_line(error)


def bounded_header(path: Path, most: int, option: str) -> Header:
    """Open an image without decoding it, and refuse one that is too large to decode.

    Args:
        path: The file.
        most: Pixels that it may have.
        option: What sets them, for the message.

    Raises:
        InputError: It is missing, no image, or has more.
    """
    header = read_header(path)
    if header.width * header.height > most:
        raise InputError(
            f"{path} has {header.width} x {header.height} pixels, more than {option}{most}; raise it if "
            "the image is sound"
        )
    return header


def header_of(file: Image.Image) -> Header:
    """The header of a file that Pillow has opened and not decoded.

    Raises:
        ValueError: Pillow would give other numbers than the file holds.
    """
    if file.format == "TIFF":
        _check_numbers(file)
    # Pillow gives 16-bit colour as 8-bit, and says so in the decoder's arguments alone.
    deep_colour = not file.mode.startswith("I") and (
        any(DEEP.search(str(tile[3])) for tile in getattr(file, "tile", ()))
        or (file.format == "JPEG2000" and file.mode not in GREY and _has_16_bits(file))
    )
    deep = deep_colour or file.mode.startswith("I")
    return Header(
        *file.size,
        orientation=_orientation(file),
        numbers="integers" if deep else "floats" if file.mode == "F" else "8-bit",
        pages=getattr(file, "n_frames", 1) if file.format in SEQUENCES else 1,
        colour=deep_colour or file.mode not in GREY,
        format=file.format or "",
    )


def _check_numbers(file: Any) -> None:
    """Of a TIFF's tags, Pillow passes over these two."""
    if file.tag_v2.get(PHOTOMETRIC) == 0 and file.mode not in ("1", "L"):
        raise ValueError("zero is white, which is read only with 8 bits; save it with zero black")
    if 2 in file.tag_v2.get(SAMPLE_FORMAT, ()) and file.mode not in ("I", "F"):
        raise ValueError("its 8 bits are signed; save it unsigned")


def _has_16_bits(file: Any) -> bool:
    """Check whether a JPEG 2000 has 16 bits a channel, which Pillow cuts down without a trace."""
    before = file.fp.tell()
    file.fp.seek(0)
    head = file.fp.read(128)
    file.fp.seek(before)
    found = ((head.find(SIZE_BOX), 14), (head.find(SIZE_MARKER), 42))
    return any(at >= 0 and head[at + far : at + far + 1] == b"\x0f" for at, far in found)


def _orientation(file: Image.Image) -> int:
    if file.format == "PNG":
        # Pillow would decode the whole picture in search of a tag behind it, where nobody writes one.
        exif = Image.Exif()
        exif.load(file.info.get("exif", b""))
    else:
        exif = file.getexif()
    return int(exif.get(ExifTags.Base.Orientation, 1) or 1)
