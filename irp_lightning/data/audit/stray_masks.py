"""Masks that lie where none is looked for."""

from collections.abc import Collection, Sequence
from pathlib import Path

from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.data.files.listing import Listing, image_files, sub_folders
from irp_lightning.data.files.masks import read_mask

__all__ = ["painted_masks_of_normal", "stray_masks"]


def stray_masks(
    truth: Path, normal: Collection[str], defective: Collection[str], listing: Listing
) -> list[Remark]:
    """What a folder of masks holds besides those of the kinds of defects.

    Args:
        truth: The folder, with a folder each kind.
        normal: Names of the folders of normal images.
        defective: Names of the folders of defective ones.
        listing: Calls files by their names.

    Raises:
        InputError: A mask of a normal image cannot be read.
    """
    loose = [listing.name(path) for path in image_files(truth)]
    text = f"{{count}} masks are loose in {listing.name(truth)}/ and are not read ({{names}}); move them"
    remarks = remarked("masks_loose", loose, f"{text} into a folder each kind")
    for folder in sub_folders(truth):
        inside = [path for place in (folder, *sub_folders(folder)) for path in image_files(place)]
        if not inside or folder.name in defective:
            continue
        if folder.name not in normal:
            text = (
                f"{len(inside)} masks of {listing.name(folder)}/ are not read: no kind of defect has "
                "that name"
            )
            remarks.append(Remark("masks_of_no_kind", len(inside), text))
        elif painted := painted_masks_of_normal(inside, f"{listing.name(folder)}/", listing):
            remarks += painted
        else:
            text = (
                f"{len(inside)} masks of normal images in {listing.name(folder)}/ are empty and not read"
            )
            remarks.append(Remark("masks_of_normal", len(inside), text))
    return remarks


def painted_masks_of_normal(masks: Sequence[Path], place: str, listing: Listing) -> list[Remark]:
    """Which masks of images that count as normal mark something as defective, if any.

    Args:
        masks: The masks.
        place: Where they lie, or what names them.
        listing: Calls files by their names.

    Raises:
        InputError: One of them cannot be read.
    """
    painted = [listing.name(path) for path in masks if read_mask(path).any()]
    text = f"{{count}} masks in {place} mark defects of images that count as normal ({{names}}); "
    return remarked("masks_of_normal", painted, f"{text}are they defective?", falsifies=True)
