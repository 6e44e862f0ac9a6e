"""Reader for VisA as it was published.

Zou, Jeong, Pemula, Zhang, Dabeer: *SPot-the-Difference self-supervised pre-training for anomaly
detection and segmentation*, ECCV 2022.
"""

import csv
from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.default_root import check_place, root_folder
from irp_lightning.data.listing import Listing, sub_folders
from irp_lightning.data.readers.mvtec import about_masks
from irp_lightning.data.remarks import Remark, listed
from irp_lightning.data.samples import GOOD, SIDES, Reading, Sample
from irp_lightning.foundation.errors import InputError, WrongValue, one_line

__all__ = ["read"]

TABLE = "split_csv/1cls.csv"
COLUMNS = ("object", "split", "label", "image", "mask")
DEFECTS = {"normal": GOOD, "anomaly": "anomaly"}
"""What the table's labels mean."""

LAYOUT = f"ROOT/CATEGORY/Data/Images and Data/Masks, ROOT/{TABLE}"
SOURCE = (
    "Set data.download=true, or download VisA_20220922.tar by the page github.com/amazon-science/"
    "spot-diff and unpack it"
)


def read(data: DataConfig) -> Reading:
    """List the images of ``data.category`` by the published one-class split, ``1cls.csv``.

    Raises:
        InputError: The root, its table or the category is missing, the table cannot be read, or it names
            files that are not there.
    """
    root = root_folder(data.root, LAYOUT, SOURCE)
    if not (root / TABLE).is_file():
        check_place(root, TABLE)
        _check_rewritten(root)
        raise InputError(f"{root} has no {TABLE}; expected {LAYOUT}. {SOURCE}")
    rows = _rows(root / TABLE)
    chosen = [row for row in rows if row["object"] == data.category]
    if not chosen:
        known = ", ".join(sorted({row["object"] for row in rows}))
        raise WrongValue("category", data.category, f"is not in {root / TABLE}; choose one of: {known}")
    listing = Listing(root / data.category)
    samples = [_sample(row, root, listing) for row in chosen]
    samples.sort(key=lambda sample: (sample.side == "test", sample.name))
    remarks = _unnamed(samples, listing)
    remarks += about_masks(samples, [], listing, f"in the column mask of {TABLE}")
    return Reading(samples, remarks)


def _rows(table: Path) -> list[dict[str, str]]:
    """The table's rows, every column a text."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            rows = [{name: row.get(name) or "" for name in COLUMNS} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table} cannot be read ({one_line(error)}); unpack it again") from error
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise InputError(f"{table} has no column {missing[0]}; unpack it again")
    return rows


def _sample(row: dict[str, str], root: Path, listing: Listing) -> Sample:
    told = f"{root / TABLE} has a row {row['split']},{row['label']},{row['image']}"
    if row["split"] not in SIDES or row["label"] not in DEFECTS:
        raise InputError(f"{told}: splits are {' or '.join(SIDES)}, labels {' or '.join(DEFECTS)}")
    image, mask = root / row["image"], root / row["mask"] if row["mask"] else None
    for file in (image, mask):
        if file and not (file.is_file() and file.is_relative_to(listing.root)):
            raise InputError(f"{told}, and {file} is no file of {listing.root}; unpack VisA again")
    return Sample(image, listing.name(image), row["split"], DEFECTS[row["label"]], mask)


def _unnamed(samples: list[Sample], listing: Listing) -> list[Remark]:
    named = {sample.path for sample in samples}
    found = [
        path
        for folder in sub_folders(listing.root / "Data" / "Images")
        for path in listing.images(folder)
    ]
    names = [listing.name(path) for path in found if path not in named]
    remarks = listing.remarks()
    if names:
        text = f"{len(names)} images are in no row of {TABLE} and not read ({listed(names)})"
        remarks.append(Remark("in_no_row", len(names), text))
    return remarks


def _check_rewritten(root: Path) -> None:
    """Say so where this is VisA as its authors' script, or anomalib, rewrites it."""
    for folder in (root, *sub_folders(root)):
        if any((category / "train" / "good").is_dir() for category in sub_folders(folder)):
            reason = f"has no {TABLE}, and {folder} is in the layout of MVTec AD"
            raise WrongValue("root", root, f"{reason}; set data=mvtec data.root={folder}")
