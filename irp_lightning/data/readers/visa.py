"""Reader for VisA as it was published.

Zou, Jeong, Pemula, Zhang, Dabeer: *SPot-the-Difference self-supervised pre-training for anomaly
detection and segmentation*, ECCV 2022.
"""

import os
from pathlib import Path

from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.data.audit.stray_masks import painted_masks_of_normal
from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.default_root import check_place, root_folder
from irp_lightning.data.files.listing import Listing, sub_folders
from irp_lightning.data.files.tables import Table, read_table
from irp_lightning.data.readers.mvtec import about_masks
from irp_lightning.data.samples import GOOD, SIDES, Reading, Sample
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["read"]

TABLE = "split_csv/1cls.csv"
COLUMNS = ("object", "split", "label", "image", "mask")
DEFECTS = {"normal": GOOD, "anomaly": "anomaly"}
"""What the table's labels mean; the folders of images are called so, too."""

IMAGES, MASKS = Path("Data/Images"), Path("Data/Masks")

LAYOUT = f"ROOT/CATEGORY/Data/Images and Data/Masks, ROOT/{TABLE}"
SOURCE = (
    "Set data.download=true, or download VisA_20220922.tar from the page github.com/amazon-science/"
    "spot-diff and unpack it"
)


def read(data: DataConfig) -> Reading:
    """List the images of ``data.category`` by the published one-class split, ``1cls.csv``.

    Raises:
        InputError: The root, its table or the category is missing, the table cannot be read, names files
            that are not there, contradicts their folders, or says two things of one file.
    """
    root = root_folder(data.root, LAYOUT, SOURCE)
    if not (root / TABLE).is_file():
        check_place(root, TABLE)
        _check_rewritten(root)
        raise InputError(f"{root} has no {TABLE}; expected {LAYOUT}. {SOURCE}")
    table = _table(root / TABLE)
    chosen = [(line, row) for line, row in table.rows if row["object"] == data.category]
    if not chosen:
        known = ", ".join(sorted({row["object"] for _, row in table.rows}))
        raise WrongValue("category", data.category, f"is not in {root / TABLE}; choose one of: {known}")
    listing = Listing(root / data.category)
    samples: list[Sample] = []
    lines: dict[Path, int] = {}
    for line, row in chosen:
        sample = _sample(row, line, root, listing)
        for file in (sample.path, sample.mask):
            if file and (above := lines.setdefault(file, line)) != line:
                raise InputError(
                    f"{root / TABLE} names {file} in line {above} and in line {line}; leave one row"
                )
        samples.append(sample)
    samples.sort(key=lambda sample: (sample.side == "test", sample.name))
    remarks = [*_unnamed(samples, listing), *table.unread(COLUMNS)]
    remarks += about_masks(samples, [], listing, f"in the column mask of {TABLE}")
    of_normal = [sample.mask for sample in samples if sample.mask and not sample.label]
    remarks += painted_masks_of_normal(of_normal, TABLE, listing)
    return Reading(samples, remarks)


def _table(file: Path) -> Table:
    try:
        return read_table("root", file, COLUMNS, "the table of the archive, unpacked again")
    except WrongValue as error:  # data.root is the folder above
        raise InputError(f"{file} {error.reason}") from error


def _sample(row: dict[str, str], line: int, root: Path, listing: Listing) -> Sample:
    told = f"{root / TABLE}, line {line}, has {row['split']},{row['label']},{row['image']}"
    if row["split"] not in SIDES or row["label"] not in DEFECTS:
        raise InputError(f"{told}: splits are {' or '.join(SIDES)}, labels {' or '.join(DEFECTS)}")

    def file_of(column: str, folder: Path) -> Path:
        file = Path(os.path.normpath(root / row[column]))
        if not (file.is_file() and file.is_relative_to(folder)):
            raise InputError(f"{told}, and {file} is not a file of {folder}; unpack VisA again")
        return file

    image = file_of("image", listing.root / IMAGES)
    mask = file_of("mask", listing.root / MASKS) if row["mask"] else None
    for folder in image.relative_to(listing.root / IMAGES).parts[:-1]:
        if folder.lower() in DEFECTS and folder.lower() != row["label"]:
            raise InputError(
                f"{told}: the label contradicts the folder {folder}; correct the row, or move the image"
            )
    return Sample(image, listing.name(image), row["split"], DEFECTS[row["label"]], mask)


def _unnamed(samples: list[Sample], listing: Listing) -> list[Remark]:
    named = {sample.path for sample in samples}
    remarks: list[Remark] = []
    for folder in sub_folders(listing.root / IMAGES):
        names = [path.name for path in listing.images(folder) if path not in named]
        falsifies = DEFECTS.get(folder.name.lower()) != GOOD  # without them the test is another
        kind = "defects_in_no_row" if falsifies else "in_no_row"
        text = f"{{count}} images of {listing.name(folder)}/ are in no row of {TABLE} and not read"
        remarks += remarked(kind, names, f"{text} ({{names}})", falsifies=falsifies)
    return [*listing.remarks(), *remarks]


def _check_rewritten(root: Path) -> None:
    """Say so where this is VisA as its authors' script, or anomalib, rewrites it."""
    for folder in (root, *sub_folders(root)):
        if any((category / "train" / "good").is_dir() for category in sub_folders(folder)):
            reason = f"has no {TABLE}, and {folder} is in the layout of MVTec AD"
            raise WrongValue("root", root, f"{reason}; set data=mvtec data.root={folder}")
