"""Images that a Python program holds, as files that are nowhere on disk."""

import io
from collections.abc import Iterable
from pathlib import Path, PosixPath
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from irp_lightning.foundation.errors import InputError

__all__ = ["GivenImage", "InMemoryImage", "as_files", "as_list", "is_one_image"]

GivenImage = str | Path | Image.Image | NDArray[np.uint8]
"""What a caller may call an image: its file, a PIL picture, or an array (H, W) or (H, W, 3) of uint8."""

FASTEST = 1
"""The level of compression: the file is decoded again at once."""


class InMemoryImage(PosixPath):
    """A path whose file is in memory: a PNG, so that all that reads files reads it without a loss.

    Attributes:
        content: The file.
    """

    content: bytes

    def open(self, *args: Any, **kwargs: Any) -> IO[Any]:  # type: ignore[override]
        return io.BytesIO(self.content)

    def read_bytes(self) -> bytes:
        return self.content


def is_one_image(images: object) -> bool:
    """Check whether a caller gives one image, and not several.

    >>> is_one_image("photo.png"), is_one_image(["photo.png"]), is_one_image(np.zeros((4, 4, 3)))
    (True, False, True)
    """
    return isinstance(images, str | Path | Image.Image) or (
        isinstance(images, np.ndarray) and images.ndim < 4
    )


def as_list(images: GivenImage | Iterable[GivenImage]) -> list[GivenImage]:
    """The images of a caller, who gives one or many."""
    return [images] if is_one_image(images) else list(images)  # type: ignore[list-item, arg-type]


def as_files(images: GivenImage | Iterable[GivenImage]) -> list[Path]:
    """Files of the images of a caller, on disk or in memory; those in memory are called ``image 0``.

    Args:
        images: One or many.

    Raises:
        InputError: One is no image.
    """
    return [_as_file(image, i) for i, image in enumerate(as_list(images))]


def _as_file(image: object, number: int) -> Path:
    if isinstance(image, str | Path):
        return Path(image)
    name = f"image {number}"
    if isinstance(image, np.ndarray):
        shape = image.shape
        if image.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
            raise InputError(
                f"{name} is an array of {image.dtype} and shape {shape}; give uint8 of shape (H, W) or "
                "(H, W, 3), with red first"
            )
        if not image.size:
            raise InputError(f"{name} is an empty array of shape {shape}; give one with pixels")
        image = Image.fromarray(np.ascontiguousarray(image))
    if not isinstance(image, Image.Image):
        raise InputError(
            f"{name} is a {type(image).__name__}; give a path, a PIL picture or a uint8 array"
        )
    file = InMemoryImage(name)
    stream = io.BytesIO()
    try:
        image.save(stream, "png", compress_level=FASTEST)
    except (OSError, ValueError) as error:  # a mode that PNG has not
        raise InputError(
            f"{name} has the mode {image.mode}, which PNG cannot hold; convert it to RGB"
        ) from error
    file.content = stream.getvalue()
    return file
