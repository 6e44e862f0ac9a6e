"""Properties of decoded images, kept by their content."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from irp_lightning.data.files.bit_depth import Extent

__all__ = ["KnownImages"]


def _is_sound(extent: Extent) -> bool:
    numbers = [extent.lowest, extent.highest]
    flags = [extent.constant, extent.transparent, extent.finite]
    return (
        extent.numbers in ("8-bit", "integers", "floats")
        and all(isinstance(n, int | float) and math.isfinite(n) for n in numbers)
        and all(isinstance(flag, bool) for flag in flags)
    )


class KnownImages:
    """The extents of images that were decoded to their end, by digest.

    A text file that only grows, a line an image; several processes may write it. A line that is damaged
    counts for nothing, and an image that is not in it is decoded.

    Args:
        file: It need not exist, nor be writable. None: nothing is kept.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self._extents: dict[str, Extent] = {}
        try:
            text = file.read_text(encoding="utf-8", errors="replace") if file else ""
        except OSError:
            text = ""
        for line in text.splitlines():
            try:
                digest, values = json.loads(line)
                extent = Extent(**values)
            except (ValueError, TypeError, RecursionError):
                continue
            if isinstance(digest, str) and _is_sound(extent):
                self._extents[digest] = extent

    def get(self, digest: str | None) -> Extent | None:
        """What is known of an image."""
        return self._extents.get(digest) if digest else None

    def add(self, extents: Mapping[str, Extent]) -> None:
        """Keep what was seen of some images."""
        new = {digest: extent for digest, extent in extents.items() if digest not in self._extents}
        self._extents.update(new)
        text = "".join(json.dumps([digest, asdict(extent)]) + "\n" for digest, extent in new.items())
        if not text or self.file is None:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # One write at the end of the file: lines of two processes do not mix. The first newline ends
            # what a process that was killed has begun.
            handle = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, ("\n" + text).encode())
            finally:
                os.close(handle)
        except OSError:  # a disk that is full or read-only: they are decoded again next time
            return
