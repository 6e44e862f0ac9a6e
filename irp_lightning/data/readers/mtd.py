"""Reader for the Magnetic Tile Defects in their own layout.

Huang, Qiu, Yuan: *Surface defect saliency of magnetic tile*, The Visual Computer 2020.
"""

from collections import defaultdict
from pathlib import Path

from irp_lightning.data.audit.remarks import remarked
from irp_lightning.data.audit.stray_masks import painted_masks_of_normal
from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.default_root import check_place, root_folder
from irp_lightning.data.files.listing import Listing, sub_folders
from irp_lightning.data.files.mask_files import masks_of_images
from irp_lightning.data.files.normal_folders import check_answer, is_normal
from irp_lightning.data.readers.mvtec import EMPTY, about_masks
from irp_lightning.data.samples import GOOD, Reading, Sample
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable, same_name

__all__ = ["read"]

LAYOUT = "ROOT/MT_Free/Imgs/*.jpg, ROOT/MT_<defect>/Imgs/NAME.jpg with NAME.png"
SOURCE = "Download it from the page github.com/abin24/Magnetic-tile-defect-datasets. and unpack it"
PREFIX = "MT_"
FREE = "MT_Free"
IMAGES = "Imgs"

LONELY = (
    "{count} files ending in .png are not read, because no photograph has their name ({names}): here "
    "a .png is the mask of NAME.jpg"
)

TEST_EVERY = 5
"""Every so many-th normal image is one to test on: no split was published."""


def read(data: DataConfig) -> Reading:
    """List the images; there are no categories.

    Every fifth normal image, by name, and all defects lie on the test side. Folders may be written in
    any case, and images may lie right in the folder of their kind. A ``.png`` beside an image of the
    same name is its mask, and no image by itself.

    Raises:
        InputError: The root or its normal images are missing; a folder may hold normal images or
            defects; two images have one mask, or one has two.
    """
    root = root_folder(data.root, LAYOUT, SOURCE)
    check_place(root, FREE)
    listing = Listing(root, recursive=data.recursive)
    listing.loose(root)
    kinds = []
    for folder in sub_folders(root):
        if same_name(folder.name).startswith(same_name(PREFIX)):
            kinds.append(folder)
        else:
            listing.elsewhere(folder)
    free = next((path.name for path in kinds if same_name(path.name) == same_name(FREE)), FREE)
    check_answer(data.normal, kinds, root, free, PREFIX)
    samples: list[Sample] = []
    lonely: list[Path] = []
    of_normal: list[Path] = []
    empty: list[str] = []
    for folder in kinds:
        files = _files(folder, listing)
        images = [path for path in files if path.suffix.lower() != ".png"]
        of_stem: defaultdict[Path, list[Path]] = defaultdict(list)
        for path in files:
            if path.suffix.lower() == ".png":
                of_stem[path.with_suffix("")].append(path)
        masks = masks_of_images(
            [{p: of_stem[p.with_suffix("")] for p in images if p.with_suffix("") in of_stem}]
        )
        lonely += [path for found in of_stem.values() for path in found if path not in masks.values()]
        empty += [] if images else [f"{listing.name(folder)}/"]
        if is_normal(folder.name, (free, *(data.normal or ()))):
            of_normal += masks.values()
            samples += [
                Sample(path, listing.name(path), "train" if i % TEST_EVERY else "test")
                for i, path in enumerate(images, 1)
            ]
        else:
            defect = printable(folder.name[len(PREFIX) :].lower())
            samples += [
                Sample(path, listing.name(path), "test", defect, masks.get(path)) for path in images
            ]
    remarks = [*listing.remarks(), *painted_masks_of_normal(of_normal, f"{free}/", listing)]
    names = [listing.name(path) for path in lonely]
    remarks += remarked("masks_alone", names, LONELY, falsifies=True)
    remarks += remarked("empty_folders", empty, EMPTY)
    if not any(sample.defect == GOOD for sample in samples):
        told = "".join(f"; {remark.text}" for remark in remarks)
        raise InputError(f"{root / free / IMAGES} holds no images; training needs them ({LAYOUT}){told}")
    samples.sort(key=lambda sample: (sample.side == "test", sample.name))
    expected = "beside each image: NAME.png"
    return Reading(samples, [*remarks, *about_masks(samples, [], listing, expected)])


def _files(folder: Path, listing: Listing) -> list[Path]:
    """The images and masks of one kind: those in its folder of images or, where it has none, its own."""
    inside = [path for path in sub_folders(folder) if same_name(path.name) == same_name(IMAGES)]
    if not inside:
        return listing.images(folder)
    listing.loose(folder)
    for path in sub_folders(folder):
        if path not in inside:
            listing.elsewhere(path)
    return [path for place in inside for path in listing.images(place)]
