"""Reader for MVTec-AD and for any folder in its layout.

Bergmann, Fauser, Sattlegger, Steger: *MVTec AD, a comprehensive real-world dataset for unsupervised
anomaly detection*, CVPR 2019.
"""

from collections.abc import Sequence
from pathlib import Path

from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.data.audit.stray_masks import stray_masks
from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.default_root import check_place, root_folder
from irp_lightning.data.files.listing import Listing, hidden_folders, image_files, mask_of, sub_folders
from irp_lightning.data.files.mask_files import BESIDE, MaskFolder, masks_of_images, split_masks
from irp_lightning.data.files.normal_folders import check_answer, is_normal, means_normal
from irp_lightning.data.samples import GOOD, Reading, Sample
from irp_lightning.foundation.errors import InputError, WrongValue
from irp_lightning.foundation.names import printable, same_name

__all__ = ["EMPTY", "about_masks", "category_folder", "read", "read_category"]

LAYOUT = "ROOT/CATEGORY/train/good/*.png, test/<defect or good>/*.png, ground_truth/<defect>/*_mask.png"
SOURCE = (
    "Set data.download=true, or download 'MVTec AD' from the page "
    "www.mvtec.com/company/research/datasets/mvtec-ad and unpack it"
)
EMPTY = "{names} holds no images"
CALLED_MASKS = "{count} defective images have names like masks ({names}); are they photographs?"
MASKS = "in ground_truth/KIND: NAME_mask.png, NAME.png or NAME/*.png"


def read(data: DataConfig) -> Reading:
    """List the images of ``data.category``, one of the folders in ``data.root``.

    Returns:
        The samples, sorted by name: training images first, then test images.

    Raises:
        InputError: The root, the category or its training images are missing; a folder may hold normal
            images or defects; a mask and an image do not belong to each other alone.
    """
    return read_category(category_folder(data, LAYOUT, SOURCE), data, LAYOUT)


def category_folder(data: DataConfig, layout: str, source: str) -> Path:
    """The folder of the category.

    Args:
        data: Says which.
        layout: What the dataset looks like, for messages.
        source: Where to get it, likewise.

    Raises:
        WrongValue: It, or the root, is not there.
    """
    root = root_folder(data.root, layout, source)
    folder = root / data.category
    if not folder.is_dir():
        check_place(root, f"{data.category}/train")
        found = [p.name for p in sub_folders(root) if (p / "train").is_dir()]
        choice = f"choose one of: {', '.join(found)}" if found else f"there is none: expected {layout}"
        raise WrongValue("category", data.category, f"is not in {root}; {choice}")
    return folder


def read_category(
    folder: Path,
    data: DataConfig,
    layout: str,
    *,
    good: str = GOOD,
    test: str = "test",
    truth: str = "ground_truth",
    elsewhere: Sequence[str] = (),
) -> Reading:
    """List the images of one category.

    Args:
        folder: The category's.
        data: Says what else to know.
        layout: What the dataset looks like, for messages.
        good: What the layout calls the folders of normal images.
        test: The folder of the test images, a folder each kind.
        truth: The folder of the masks, a folder each kind.
        elsewhere: Further folders of the layout, of which the caller speaks.
    """
    listing = Listing(folder, recursive=data.recursive)
    kinds = [p for p in sub_folders(folder / test) if p != folder / truth]
    check_answer(data.normal, [*sub_folders(folder / "train"), *kinds], folder, good)
    normal = (good, *(data.normal or ()))
    listing.loose(folder / test)
    for path in (*hidden_folders(folder / "train"), *hidden_folders(folder / test)):
        if means_normal(path.name):
            listing.elsewhere(path)
    for path in sub_folders(folder):
        if path.name not in ("train", *(Path(name).parts[0] for name in (test, truth, *elsewhere))):
            listing.elsewhere(path)
    samples: list[Sample] = []
    beside, called_masks, unused, empty = [], [], [], []
    defects: set[str] = set()
    for kind in sub_folders(folder / "train"):
        if is_normal(kind.name, normal):
            images, lie_beside = split_masks(listing.images(kind))
            beside += list(map(listing.name, lie_beside))
            samples += [Sample(path, listing.name(path), "train") for path in images]
        else:
            listing.elsewhere(kind)
    if not samples:
        raise InputError(_nothing_to_train_on(folder / "train" / good, listing, layout))
    for kind in kinds:
        images, lie_beside = split_masks(listing.images(kind))
        beside += list(map(listing.name, lie_beside))
        empty += [] if images else [kind]
        defect = GOOD if is_normal(kind.name, normal) else printable(kind.name)
        masks: dict[Path, Path] = {}
        if defect != GOOD:
            kept = MaskFolder(_folder_of_masks(folder / truth, kind, kinds))
            defects.add(kept.folder.name)
            masks = masks_of_images([lie_beside, kept.find(images, kind)])
            unused += kept.unused()
        called_masks += [listing.name(path) for path in images if mask_of(path) and defect != GOOD]
        samples += [Sample(path, listing.name(path), "test", defect, masks.get(path)) for path in images]
    # Where normal photographs are called so, too, the name says nothing.
    if any(mask_of(sample.path) for sample in samples if not sample.label):
        called_masks = []
    remarks = [
        *listing.remarks(),
        *remarked("empty_folders", [f"{listing.name(kind)}/" for kind in empty], EMPTY),
        *remarked("masks_beside", beside, BESIDE),
        *remarked("called_masks", called_masks, CALLED_MASKS, falsifies=True),
        *about_masks(samples, unused, listing, MASKS),
        *stray_masks(folder / truth, normal, defects, listing),
    ]
    return Reading(samples, remarks)


def _folder_of_masks(truth: Path, kind: Path, kinds: Sequence[Path]) -> Path:
    """The one called as the kind is or, where there is none, but for case or how accents are written."""
    exact = truth / kind.name
    if exact.is_dir():
        return exact

    def alike(paths: Sequence[Path]) -> list[Path]:
        return [path for path in paths if same_name(path.name) == same_name(kind.name)]

    found = alike(sub_folders(truth))
    return found[0] if len(found) == len(alike(kinds)) == 1 else exact


def _nothing_to_train_on(good: Path, listing: Listing, layout: str) -> str:
    passed = "".join(f"; {remark.text}" for remark in listing.remarks())
    if loose := len(image_files(good.parent)):
        passed += f"; {loose} images are loose in {good.parent}: move them into {good.name}/"
    return f"{good} holds no images; training needs normal images there ({layout}){passed}"


def about_masks(
    samples: list[Sample], unused: list[Path], listing: Listing, expected: str
) -> list[Remark]:
    """Report defects without a mask and masks without a defect.

    Args:
        samples: All images of the category.
        unused: Masks that belong to no image.
        listing: Calls files by their names.
        expected: Where masks are looked for.
    """
    defective = [sample for sample in samples if sample.label]
    without = [sample.name for sample in defective if sample.mask is None]
    text = f"none of the {len(defective)} defective images has a mask: there are no pixel metrics"
    if len(without) < len(defective) or unused:
        text = (
            f"{{count}} of {len(defective)} defective images have no mask ({{names}}) and count in no "
            f"pixel metric; expected {expected}"
        )
    names = [listing.name(path) for path in unused]
    return [
        *remarked("without_mask", without, text),
        *remarked("masks_unused", names, "{count} masks belong to no image ({names})"),
    ]
