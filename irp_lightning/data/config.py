"""The images and how they are spoilt: groups ``data`` and ``contamination`` of the configuration."""

import pkgutil
from dataclasses import dataclass
from pathlib import Path

from irp_lightning.foundation.fields import choice, file_name, path, plugin, text, whole

__all__ = ["READERS", "ContaminationConfig", "DataConfig"]

READERS = tuple(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "readers")]))
"""The project's own readers: the files in ``readers/``."""


@dataclass(frozen=True)
class DataConfig:
    """Which images there are.

    Attributes:
        reader: One of ``READERS``, or ``module.function`` of the user's.
        root: Folder of the images. The same run may find them elsewhere.
        category: The class of objects.
        split: Normal images: ``published`` or ``grouped`` (drawn anew, by group).
        groups: Images of one object: ``none``, ``auto`` or a CSV file ``path,group``.
        image_size: Side of the square that a backbone sees, in pixels.
        crop: ``none`` (squash) or ``center``.
        on_bad_image: ``error`` or ``skip``.
    """

    reader: str = plugin(*READERS)
    root: str = path()
    category: str = text()
    split: str = choice("published", "grouped")
    groups: str = path("none", "auto", says=file_name, named=True)
    image_size: int = whole(1)
    crop: str = choice("none", "center")
    on_bad_image: str = choice("error", "skip")


@dataclass(frozen=True)
class ContaminationConfig:
    """What ``noise`` is a share of.

    Attributes:
        kind: ``share``, ``pool`` or ``overlap``; see :mod:`irp_lightning.data.contamination`.
    """

    kind: str = choice("share", "pool", "overlap")
