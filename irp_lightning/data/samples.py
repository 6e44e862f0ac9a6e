"""One image of a dataset, as a reader found it on disk."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["GOOD", "IMAGE_SUFFIXES", "Sample", "image_files"]

GOOD = "good"
"""The defect name of a normal image, as in the MVTec-AD folders."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Sample:
    """One image and what is known of it.

    Attributes:
        path: The file.
        name: Its path relative to the dataset (with ``/``): how tables and manifests call it.
        side: The side of the published split it lies on: ``"train"`` or ``"test"``.
        defect: The kind of defect, ``"good"`` for a normal image.
        mask: The file of the defect's pixel mask, where there is one.
    """

    path: Path
    name: str
    side: str
    defect: str = GOOD
    mask: Path | None = None

    @property
    def label(self) -> int:
        """1 for a defective image, 0 for a normal one."""
        return int(self.defect != GOOD)


def image_files(folder: Path) -> list[Path]:
    """The image files right inside ``folder``, sorted by name; hidden files are left out."""
    if not folder.is_dir():
        return []
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
