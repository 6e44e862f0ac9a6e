"""Reader for the Magnetic Tile Defects in their own layout.

Huang, Qiu, Yuan: *Surface defect saliency of magnetic tile*, The Visual Computer 2020.
"""

from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.default_root import check_place, root_folder
from irp_lightning.data.listing import Listing, sub_folders
from irp_lightning.data.readers.mvtec import about_masks
from irp_lightning.data.samples import GOOD, Reading, Sample
from irp_lightning.foundation.errors import InputError

__all__ = ["read"]

LAYOUT = "ROOT/MT_Free/Imgs/*.jpg, ROOT/MT_<defect>/Imgs/NAME.jpg with NAME.png"
SOURCE = "Download it from the page github.com/abin24/Magnetic-tile-defect-datasets. and unpack it"
PREFIX = "MT_"
FREE = "MT_Free"

TEST_EVERY = 5
"""Every so many-th normal image is one to test on: no split was published."""


def read(data: DataConfig) -> Reading:
    """List the images; there are no categories.

    Every fifth normal image, by name, and all defects lie on the test side.

    Raises:
        InputError: The root or its normal images are missing.
    """
    root = root_folder(data.root, LAYOUT, SOURCE)
    check_place(root, FREE)
    listing = Listing(root, recursive=data.recursive)
    samples: list[Sample] = []
    unused: list[Path] = []
    for folder in sub_folders(root):
        if not folder.name.startswith(PREFIX):
            listing.elsewhere(folder)
            continue
        files = listing.images(folder / "Imgs")
        images = [path for path in files if path.suffix.lower() != ".png"]
        masks = {path.with_suffix(""): path for path in files if path.suffix.lower() == ".png"}
        defect = GOOD if folder.name == FREE else folder.name.removeprefix(PREFIX).lower()
        for i, path in enumerate(images, 1):
            mask = masks.pop(path.with_suffix(""), None)
            side = "train" if defect == GOOD and i % TEST_EVERY else "test"
            samples.append(
                Sample(path, listing.name(path), side, defect, mask if defect != GOOD else None)
            )
        unused += masks.values()
    if not any(sample.defect == GOOD for sample in samples):
        raise InputError(f"{root / FREE / 'Imgs'} holds no images; training needs them ({LAYOUT})")
    samples.sort(key=lambda sample: (sample.side == "test", sample.name))
    expected = "beside each image: NAME.png"
    return Reading(samples, [*listing.remarks(), *about_masks(samples, unused, listing, expected)])
