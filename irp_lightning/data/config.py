"""The images and how they are spoilt: groups ``data`` and ``contamination`` of the configuration."""

import pkgutil
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import (
    choice,
    file_name,
    flag,
    free,
    nothing,
    path,
    plugin,
    text,
    whole,
)

__all__ = ["MAX_PIXELS", "READERS", "ContaminationConfig", "DataConfig"]

READERS = tuple(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "readers")]))
"""The project's own readers: the files in ``readers/``."""


MAX_PIXELS = 500_000_000
"""Of an image, unless another number is set: 1.5 GB when it is decoded in colour."""


def _folder_names(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = (
        [value]
        if isinstance(value, str | int)
        else list(value)
        if isinstance(value, list | tuple)
        else []
    )
    if not names or isinstance(value, bool) or not all(str(name).strip() for name in names):
        raise ValueError("is not allowed; give the name of a folder, or several as [ok,normal]")
    return tuple(str(name) for name in names)


@dataclass(frozen=True)
class DataConfig:
    """Selection and reading of the images.

    Attributes:
        reader: One of ``READERS``, or ``module.function`` of the user's.
        root: Folder of the images. The same run may find them elsewhere.
        category: The class of objects.
        split: Normal images: ``published`` or ``grouped`` (drawn anew, by group).
        groups: Images of one object: ``none``, ``auto`` or a CSV file ``path,group``.
        image_size: Side of the square that a backbone sees, in pixels.
        crop: ``none`` (squash) or ``center``.
        on_bad_image: ``error`` or ``skip``.
        normal: Folders of normal images besides ``good``; None: ask where a name means normal.
        recursive: Images of sub-folders count, too.
        bit_depth: Bits that hold data in files deeper than 8 bits: ``auto`` or a number; ``unit``:
            numbers are in [0, 1]. See :mod:`irp_lightning.data.files.bit_depth`.
        max_pixels: Larger images are refused.
        download: Fetch the published archive where the folder is not there.
    """

    reader: str = plugin(*READERS)
    root: str = path()
    category: str = text()
    split: str = choice("published", "grouped")
    groups: str = path("none", "auto", says=file_name, named=True)
    image_size: int = whole(1)
    crop: str = choice("none", "center")
    on_bad_image: str = choice("error", "skip")
    normal: tuple[str, ...] | None = free(_folder_names, default=None)
    recursive: bool = flag(default=False)
    bit_depth: str | int = choice("auto", "unit", 8, 10, 12, 14, 16, default="auto")
    max_pixels: int = whole(1, default=MAX_PIXELS, says=nothing)
    download: bool = flag(default=False, says=nothing)

    def __post_init__(self) -> None:
        # A shell completes folders with a slash; two spellings would be strangers to each other.
        if (name := str(PurePath(self.category))) != self.category:
            raise WrongValue(
                "category", self.category, f"is the folder {name} written otherwise; give {name}"
            )


@dataclass(frozen=True)
class ContaminationConfig:
    """Meaning of ``noise``.

    Attributes:
        kind: ``share``, ``pool`` or ``overlap``; see :mod:`irp_lightning.data.contamination`.
    """

    kind: str = choice("share", "pool", "overlap")
