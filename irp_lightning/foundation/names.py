r"""File names as text: any name that the system allows, in tables that are UTF-8.

A name that is no UTF-8 is written with a backslash for each byte that is none: ``Gr\xfcn.png``.
"""

import os
import re
import unicodedata
from pathlib import Path

__all__ = ["named_file", "printable", "same_name"]


def printable(name: str | os.PathLike[str]) -> str:
    r"""The name of a file or folder as text that can be encoded.

    >>> printable("Gr\udcfcn.png")
    'Gr\\xfcn.png'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def same_name(name: str) -> str:
    """What is equal of two names that differ in case alone, or in how a system writes their accents.

    >>> same_name("GRU\u0308N") == same_name("gr\u00fcn")
    True
    """
    return unicodedata.normalize("NFC", name).casefold()


def named_file(folder: Path, name: str) -> Path:
    """The file below a folder that :func:`printable` has named."""
    file = folder / name
    if "\\x" not in name or file.exists():
        return file
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
    return folder / os.fsdecode(raw)
