r"""File names as text: any name that the system allows, in tables that are UTF-8.

Of a byte that is no UTF-8, and of what a terminal obeys instead of showing it, the number is written:
``Gr\xfcn.png``, ``two\x0alines.png``.
"""

import os
import re
import unicodedata
from pathlib import Path

__all__ = ["named_file", "printable", "same_name"]


OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Line ends, escapes and other control characters, and those that turn the direction of a line."""


def printable(name: str | os.PathLike[str]) -> str:
    r"""The name of a file or folder, or a line that holds some, as text that can be encoded and shown.

    >>> printable("Gr\udcfcn.png"), printable("two\nlines.png")
    ('Gr\\xfcn.png', 'two\\x0alines.png')
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return OBEYED.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()), text)


def same_name(name: str) -> str:
    """What is equal of two names that differ in case alone, or in how a system writes their accents.

    >>> same_name("GRU\u0308N") == same_name("gr\u00fcn")
    True
    """
    return unicodedata.normalize("NFC", name).casefold()


def named_file(folder: Path, name: str) -> Path:
    """The file below a folder that :func:`printable` has named."""
    file = folder / name
    if "\\x" not in name or os.path.exists(file):  # noqa: PTH110 (Path's raises for long names)
        return file
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), os.fsencode(name))
    return folder / os.fsdecode(raw)
