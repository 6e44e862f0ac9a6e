"""Which file is the mask of which image: the ways in which masks lie and are called."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.data.listing import image_files, mask_of, sub_folders
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import same_name

__all__ = ["MaskFolder", "split_masks"]


def split_masks(files: Sequence[Path]) -> tuple[list[Path], dict[Path, Path]]:
    """Tell images from masks that lie beside them.

    A file is a mask where its name says so and the image that it names lies in the same folder.

    Returns:
        The images, and the mask of those that have one there.
    """
    by_stem: defaultdict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in files:
        by_stem[path.parent, same_name(path.stem)].append(path)
    masks: dict[Path, Path] = {}
    for path in files:
        stem = mask_of(path)
        for image in by_stem.get((path.parent, same_name(stem)), []) if stem else []:
            masks[image] = path
    beside = set(masks.values())
    return [path for path in files if path not in beside], masks


class MaskFolder:
    """The masks of one kind of defect.

    ``NAME_mask.png`` (or ``_GT``, ``_label``, ``_seg``), ``NAME.png``, or a folder ``NAME`` of several
    files, each a part of the mask (MVTec LOCO), in any case and with any ending of an image; where
    images lie in sub-folders, masks may lie in the same ones.

    Args:
        folder: What holds them; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[tuple[str, str], Path] = {}
        self._folders: dict[str, Path] = {}
        for inside in ("", *(path.name for path in sub_folders(folder))):
            for path in sorted(image_files(folder / inside), key=lambda p: mask_of(p) is not None):
                self._files[same_name(inside), same_name(mask_of(path) or path.stem)] = path
            if inside:
                self._folders[same_name(inside)] = folder / inside
        self._used: set[Path] = set()

    def find(self, images: Sequence[Path], below: Path) -> dict[Path, Path]:
        """The mask of each image that has one: a file, or a folder of files.

        Args:
            images: All images of this kind of defect.
            below: Their folder.

        Raises:
            InputError: One mask is that of two images.
        """
        masks: dict[Path, Path] = {}
        for image in images:
            stem = same_name(image.stem)
            inside = same_name(image.parent.relative_to(below).as_posix())
            mask = self._files.get(("" if inside == "." else inside, stem))
            mask = mask or self._folders.get(stem) or self._files.get(("", stem))
            if mask is not None:
                masks[image] = mask
        for mask, count in Counter(masks.values()).items():
            if count > 1:
                first, second = [image for image, found in masks.items() if found == mask][:2]
                raise InputError(
                    f"{first} and {second} have one mask, {mask}; give each image a name and a mask of "
                    "its own"
                )
        self._used |= set(masks.values())
        return masks

    def unused(self) -> list[Path]:
        """Masks that belong to no image."""
        return [
            path
            for path in self._files.values()
            if path not in self._used and path.parent not in self._used
        ]
