"""Matching of masks to images, by folder and name."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from irp_lightning.data.files.listing import image_files, mask_of, sub_folders
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import same_name

__all__ = ["BESIDE", "MaskFolder", "masks_of_images", "split_masks"]

BESIDE = "{count} files beside the images are taken for their masks, by their names"
"""What a remark says of them."""


def split_masks(files: Sequence[Path]) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Tell images from masks that lie beside them.

    A file is a mask where its name says so and the image that it names lies in the same folder.

    Returns:
        The images, and what may be the mask of those that have one there.
    """
    by_stem: defaultdict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in files:
        by_stem[path.parent, same_name(path.stem)].append(path)
    masks: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in files:
        stem = mask_of(path)
        for image in by_stem.get((path.parent, same_name(stem)), []) if stem else []:
            masks[image].append(path)
    beside = {mask for found in masks.values() for mask in found}
    images = [path for path in files if path not in beside]
    return images, {image: _like(image, masks[image]) for image in images if image in masks}


def _like(image: Path, masks: list[Path]) -> list[Path]:
    """Of files whose names are the image's but for case, those that are called so exactly, if any is."""
    stem = unicodedata.normalize("NFC", image.stem)
    exact = [m for m in masks if unicodedata.normalize("NFC", mask_of(m) or m.stem) == stem]
    return exact or masks


def masks_of_images(found: Iterable[Mapping[Path, Sequence[Path]]]) -> dict[Path, Path]:
    """One mask for each image that has one.

    Args:
        found: In each place where masks lie, what may be the mask of which image.

    Raises:
        InputError: An image has two masks, or two images have one.
    """
    candidates: defaultdict[Path, list[Path]] = defaultdict(list)
    for place in found:
        for image, masks in place.items():
            candidates[image] += masks
    for image, masks in candidates.items():
        if len(masks) > 1:
            raise InputError(
                f"{image} has several masks, {' and '.join(map(str, masks[:2]))}; keep one, or put "
                f"parts of a mask into a folder {image.stem}/"
            )
    chosen = {image: masks[0] for image, masks in candidates.items()}
    for mask, count in Counter(chosen.values()).items():
        if count > 1:
            first, second = [image for image, found in chosen.items() if found == mask][:2]
            raise InputError(
                f"{first} and {second} share one mask, {mask}; give each image its own name and mask"
            )
    return chosen


class MaskFolder:
    """The masks of one kind of defect.

    ``NAME_mask.png`` (or ``_GT``, ``_label``, ``_seg``), ``mask_NAME.png``, ``NAME.png``, or a folder
    ``NAME`` of several files, each a part of the mask (MVTec LOCO), in any case and with any ending of
    an image; where images lie in sub-folders, masks may lie in the same ones.

    Args:
        folder: What holds them; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
        self._folders: dict[str, Path] = {}
        for inside in ("", *(path.name for path in sub_folders(folder))):
            for path in image_files(folder / inside):
                # An image may itself be called as masks are, and its mask as it is.
                for stem in {same_name(path.stem), same_name(mask_of(path) or path.stem)}:
                    self._files[same_name(inside), stem].append(path)
            if inside:
                self._folders[same_name(inside)] = folder / inside
        self._used: set[Path] = set()

    def find(self, images: Sequence[Path], below: Path) -> dict[Path, list[Path]]:
        """What may be the mask of each image that has one: files, or a folder of files.

        Args:
            images: All images of this kind of defect.
            below: Their folder.
        """
        places = {image: same_name(image.parent.relative_to(below).as_posix()) for image in images}
        masks: dict[Path, list[Path]] = {}
        for image, place in places.items():
            stem, inside = same_name(image.stem), "" if place == "." else place
            found = _like(image, self._files.get((inside, stem), []))
            # Where such a sub-folder holds images, the folder of that name holds their masks.
            if stem in self._folders and stem not in places.values():
                found = [*found, self._folders[stem]]
            found = found or _like(image, self._files.get(("", stem), []))
            if found:
                masks[image] = found
                self._used.update(found)
        return masks

    def unused(self) -> list[Path]:
        """Masks that belong to no image."""
        return [
            path
            for path in dict.fromkeys(path for found in self._files.values() for path in found)
            if path not in self._used and path.parent not in self._used
        ]
