"""A small category that a test spoils: what is read of it, and what is said."""

from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.dataset import Dataset, read_images


def read(folder: Path, groups: str = "none", **values: object) -> Dataset:
    place = ("mvtec", str(folder.parent), folder.name, "published", groups, 64, "none", "error")
    return read_images(DataConfig(*place, **values))  # type: ignore[arg-type]


def said(images: Dataset) -> dict[str, int]:
    return {remark.kind: remark.count for remark in images.remarks}


def falsifying(images: Dataset) -> set[str]:
    return {remark.kind for remark in images.remarks if remark.falsifies}


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def kind_of_defect(folder: Path) -> str:
    return next(path.name for path in files(folder, "test/*") if path.name != "good")
