"""Reader for a folder of photographs that nobody has sorted, or for a table of them.

All images below the root are unlabelled training images, but for those of three folders right inside it,
where some labels exist: ``normal/`` (trained on and trusted), ``defect/`` (known defects: tested on),
``test/<kind>/`` (tested on; a kind whose name means normal is, or those that ``data.normal`` names).
"""

import os
import re
from pathlib import Path

from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.default_root import root_folder
from irp_lightning.data.files.listing import Listing, sub_folders
from irp_lightning.data.files.mask_files import BESIDE, split_masks
from irp_lightning.data.files.normal_folders import check_answer, is_normal, means_normal
from irp_lightning.data.files.tables import read_table
from irp_lightning.data.samples import GOOD, UNLABELLED, Reading, Sample
from irp_lightning.foundation.errors import InputError, WrongValue
from irp_lightning.foundation.names import named_file, printable

__all__ = ["list_photographs", "read"]

LAYOUT = "any tree of images, or a CSV image_path,label_index,split"
NORMAL, DEFECT, TEST = "normal", "defect", "test"
DEFECTIVE = "defective"
"""The kind of defects of which nothing more is said."""

COLUMNS = ("image_path", "label_index", "split")

MEANT = dict.fromkeys(
    (
        *("label", "labels", "label_idx", "label index", "labelindex", "target", "class"),
        *("is_anomaly", "is_anomalous", "anomaly", "is_defect", "is_defective", "defect", "defective"),
    ),
    "label_index",
) | dict.fromkeys(("splits", "set", "subset", "side", "phase", "partition"), "split")
"""What others call columns, and what they are called here."""

LABELS = {"0": GOOD, "1": DEFECTIVE, "-1": UNLABELLED, "": UNLABELLED}
SIDES = {"train": "train", "test": "test", "val": "test", "": "train"}


NO_LABEL = "{count} test images have no label and are not read ({names})"
DEFECTIVE_TO_TRAIN_ON = (
    "{count} training images are labelled defective and are tested on instead ({names})"
)


def read(data: DataConfig) -> Reading:
    """List the images below ``data.root``, or those that it names if it is a CSV file.

    Raises:
        InputError: There is no such folder, no image to train on, or the table is wrong.
    """
    if Path(data.root).is_file():
        return _table(Path(data.root))
    root = root_folder(data.root, LAYOUT, "Give a folder of photographs")
    kinds = [p for test in sub_folders(root) if test.name.lower() == TEST for p in sub_folders(test)]
    if data.normal is not None:
        check_answer(data.normal, kinds, root)
    normal = {
        kind.name
        for kind in kinds
        if (means_normal(kind.name) if data.normal is None else is_normal(kind.name, data.normal))
    }
    listing, paths, remarks = list_photographs(root)
    samples = [_sample(path, listing, normal) for path in paths]
    for name in sorted(normal - {GOOD, NORMAL, *(data.normal or ())}):
        text = (
            f"images of {TEST}/{printable(name)}/ are taken for normal because of its name; set "
            f"data.normal={printable(name)}, or data.normal={GOOD} if it is a kind of defect"
        )
        remarks.append(Remark("normal_by_name", 1, text))
    loose = [s for s in samples if s is None]
    if loose:
        text = (
            f"{len(loose)} images are loose in {TEST}/ and are not read; move them into "
            f"{TEST}/{NORMAL}/ or {TEST}/<kind of defect>/"
        )
        remarks.append(Remark("loose", len(loose), text, falsifies=True))
    for folder in sub_folders(root):
        if folder.name.lower() != NORMAL and means_normal(folder.name):
            text = (
                f"images of {listing.name(folder)}/ are unlabelled like all others; call it {NORMAL}/ "
                "if each of them was checked"
            )
            remarks.append(Remark("not_trusted", 1, text))
    return Reading(_trainable([s for s in samples if s], data.root), remarks)


def list_photographs(root: Path) -> tuple[Listing, list[Path], list[Remark]]:
    """List the photographs of any tree: sub-folders too, without masks.

    Returns:
        What calls files by their names, the photographs sorted by path, and what is left out.
    """
    listing = Listing(root, recursive=True)
    paths, masks = split_masks(listing.images(root))
    beside = remarked("masks_beside", list(map(listing.name, masks)), BESIDE)
    return listing, paths, [*listing.remarks(), *beside]


def _sample(path: Path, listing: Listing, normal: set[str]) -> Sample | None:
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
        return Sample(path, name, "test", GOOD if rest[0] in normal else printable(rest[0]))
    return Sample(path, name, "train", UNLABELLED)


def _trainable(samples: list[Sample], root: str) -> list[Sample]:
    if not any(sample.side == "train" for sample in samples):
        raise WrongValue("root", root, f"has no images to train on; give {LAYOUT}")
    return samples


def _table(file: Path) -> Reading:
    """Anomalib's Tabular format: label 0 is normal, 1 defective, -1 or nothing unlabelled."""
    samples: dict[str, tuple[Sample, int]] = {}
    unlabelled, defective = [], []
    table = read_table("root", file, ["image_path"], LAYOUT)
    for line, row in table.rows:
        path, split = row["image_path"], row.get("split", "").strip().lower()
        # A column of pandas' that lacks a label holds floating-point numbers.
        label = re.sub(r"(?<=\d)\.0*$", "", row.get("label_index", "").strip())
        if not path or label not in LABELS or split not in SIDES:
            raise InputError(
                f"{file}, line {line}: image_path={path}, label_index={label}, split={split} is not "
                "known; give a file, 0, 1 or -1, and train, test or val"
            )
        name, defect, side = printable(path), LABELS[label], SIDES[split]
        if side == "test" and defect == UNLABELLED:
            unlabelled.append(name)
            continue
        if side == "train" and defect == DEFECTIVE:
            defective.append(name)
            side = "test"
        image = named_file(file.parent, path)  # clean.csv has escaped what is no UTF-8
        sample = Sample(image, name, side, defect, trusted=side == "train" and defect == GOOD)
        other, above = samples.setdefault(os.path.normpath(image), (sample, line))
        if (other.side, other.defect) != (side, defect):
            raise InputError(
                f"{file} lists {name} as {other.side}/{other.defect} in line {above} and as "
                f"{side}/{defect} in line {line}; keep one of the rows"
            )
    remarks = [
        *table.unread(COLUMNS, MEANT),
        *remarked("unlabelled_tests", unlabelled, NO_LABEL),
        *remarked("defective_to_train_on", defective, DEFECTIVE_TO_TRAIN_ON),
    ]
    found = [sample for sample, _ in samples.values()]
    return Reading(_trainable(found, str(file)), remarks)
