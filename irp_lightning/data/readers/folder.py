"""Reader for a folder of photographs that nobody has sorted, or for a table of them.

All images below the root are unlabelled training images, but for those of three folders right inside it,
where some labels exist: ``normal/`` (trained on and trusted), ``defect/`` (known defects: tested on),
``test/<kind>/`` (tested on; a kind whose name means normal is).
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.default_root import root_folder
from irp_lightning.data.listing import Listing, sub_folders
from irp_lightning.data.mask_files import split_masks
from irp_lightning.data.normal_folders import means_normal
from irp_lightning.data.remarks import Remark
from irp_lightning.data.samples import GOOD, UNLABELLED, Reading, Sample
from irp_lightning.foundation.errors import InputError, WrongValue
from irp_lightning.foundation.names import printable

__all__ = ["read"]

LAYOUT = "any tree of images, or a CSV image_path,label_index,split"
NORMAL, DEFECT, TEST = "normal", "defect", "test"
DEFECTIVE = "defective"
"""The kind of defects of which nothing more is said."""

LABELS = {"0": GOOD, "1": DEFECTIVE, "-1": UNLABELLED, "": UNLABELLED}
SIDES = {"train": "train", "test": "test", "val": "test", "": "train"}


def read(data: DataConfig) -> Reading:
    """List the images below ``data.root``, or those that it names if it is a CSV file.

    Raises:
        InputError: There is no such folder, no image to train on, or the table is wrong.
    """
    if Path(data.root).is_file():
        return _table(Path(data.root))
    root = root_folder(data.root, LAYOUT, "Give a folder of photographs")
    listing = Listing(root, recursive=True)
    paths, masks = split_masks(listing.images(root))
    samples = [_sample(path, listing) for path in paths]
    remarks = listing.remarks()
    if masks:
        text = f"{len(masks)} files beside the images are taken for their masks, by their names"
        remarks.append(Remark("masks_beside", len(masks), text))
    loose = [s for s in samples if s is None]
    if loose:
        text = (
            f"{len(loose)} images lie loose in {TEST}/ and are not read; move them into "
            f"{TEST}/{NORMAL}/ or {TEST}/<kind of defect>/"
        )
        remarks.append(Remark("loose", len(loose), text, falsifies=True))
    for folder in sub_folders(root):
        if folder.name.lower() != NORMAL and means_normal(folder.name):
            text = (
                f"images of {listing.name(folder)}/ are unlabelled like all others; call it {NORMAL}/ "
                "if somebody has looked at each of them"
            )
            remarks.append(Remark("not_trusted", 1, text))
    return Reading(_trainable([s for s in samples if s], data.root), remarks)


def _sample(path: Path, listing: Listing) -> Sample | None:
    """None: it lies loose among the test images."""
    name = listing.name(path)
    first, *rest = path.relative_to(listing.root).parts
    part = first.lower() if rest else ""
    if part == NORMAL:
        return Sample(path, name, "train", GOOD, trusted=True)
    if part in (DEFECT, f"{DEFECT}s", DEFECTIVE):
        return Sample(path, name, "test", DEFECTIVE)
    if part == TEST:
        if len(rest) == 1:
            return None
        return Sample(path, name, "test", GOOD if means_normal(rest[0]) else printable(rest[0]))
    return Sample(path, name, "train", UNLABELLED)


def _trainable(samples: list[Sample], root: str) -> list[Sample]:
    if not any(sample.side == "train" for sample in samples):
        raise WrongValue("root", root, f"has no images to train on; give {LAYOUT}")
    return samples


def _table(file: Path) -> Reading:
    """Anomalib's Tabular format: label 0 is normal, 1 defective, -1 or nothing unlabelled."""
    samples = {}
    for number, (path, label, split) in enumerate(_rows(file), start=2):
        if label not in LABELS or split not in SIDES:
            raise InputError(
                f"{file}, line {number}: label_index={label}, split={split} is not known; give 0, 1 or "
                "-1, and train, test or val"
            )
        defect, side = LABELS[label], SIDES[split]
        if side == "test" and defect == UNLABELLED:
            continue
        trusted = side == "train" and defect == GOOD
        if defect == DEFECTIVE:
            side = "test"
        image = file.parent / Path(path).expanduser()
        samples[image] = Sample(image, printable(path), side, defect, trusted=trusted)
    return Reading(_trainable(list(samples.values()), str(file)))


def _rows(file: Path) -> Iterator[tuple[str, str, str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.DictReader(stream)
            if "image_path" not in (reader.fieldnames or ()):
                raise WrongValue("root", file, f"has the columns {reader.fieldnames}; give {LAYOUT}")
            for row in reader:
                if row["image_path"]:
                    label, split = row.get("label_index") or "", row.get("split") or ""
                    yield row["image_path"], label.strip(), split.strip().lower()
    except csv.Error as error:
        raise WrongValue("root", file, f"is no table ({error}); give {LAYOUT}") from error
