"""Pillow's limit on the pixels of an image, in whose place ``data.max_pixels`` stands."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

__all__ = ["without_pixel_limit"]


class _Limit:
    """What Pillow's limit was before the first of those who are inside together came."""

    lock = threading.Lock()
    inside = 0
    before: int | None = None


@contextmanager
def without_pixel_limit() -> Iterator[None]:
    """Open and crop images of any size; afterwards the limit of the process is what it was.

    ``data.max_pixels`` refuses what is too large before it is decoded, and names a value to set.
    Pillow's limit is the whole process's: threads may be inside together, the last one restores it.
    """
    with _Limit.lock:
        if not _Limit.inside:
            _Limit.before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _Limit.inside += 1
    try:
        yield
    finally:
        with _Limit.lock:
            _Limit.inside -= 1
            if not _Limit.inside:
                Image.MAX_IMAGE_PIXELS = _Limit.before
