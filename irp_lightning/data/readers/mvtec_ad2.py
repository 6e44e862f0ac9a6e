"""Reader for MVTec AD 2.

Heckler-Kram, Neudeck, Scheler, König, Steger: *The MVTec AD 2 dataset: advanced scenarios for
unsupervised anomaly detection*, 2025.
"""

from irp_lightning.data.audit.remarks import Remark
from irp_lightning.data.config import DataConfig
from irp_lightning.data.files.listing import Listing
from irp_lightning.data.readers.mvtec import category_folder, read_category
from irp_lightning.data.samples import Reading
from irp_lightning.foundation.errors import InputError

__all__ = ["read"]

LAYOUT = "ROOT/CATEGORY/train/good, test_public/{good,bad}, test_public/ground_truth/bad/*_mask.png"
PAGE = "www.mvtec.com/company/research/datasets/mvtec-ad-2"
SOURCE = f"Download 'MVTec AD 2' from the page {PAGE} and unpack it"
TEST = "test_public"
UNREAD = {
    "validation/good": "normal images for setting thresholds",
    "test_private": "their labels are not published",
    "test_private_mixed": "their labels are not published",
}
"""Folders of images that belong to neither side, with the reason."""


def read(data: DataConfig) -> Reading:
    """List the images of ``data.category``: those to train on and those of the public test.

    Raises:
        InputError: The root, the category, its training images or its public test are missing; a folder
            may hold normal images or defects; two images have one mask.
    """
    folder = category_folder(data, LAYOUT, SOURCE)
    if not (folder / TEST).is_dir():
        hint = "; data=mvtec reads the layout of MVTec AD" if (folder / "test").is_dir() else ""
        raise InputError(f"{folder} has no {TEST}; expected {LAYOUT}{hint}")
    found = read_category(
        folder, data, LAYOUT, test=TEST, truth=f"{TEST}/ground_truth", elsewhere=tuple(UNREAD)
    )
    listing = Listing(folder, recursive=True)
    unread = {name: len(listing.images(folder / name)) for name in UNREAD}
    remarks = [
        Remark("unread", count, f"{count} images of {name}/ are not read: {UNREAD[name]}")
        for name, count in unread.items()
        if count
    ]
    return Reading(found.samples, [*found.remarks, *remarks])
