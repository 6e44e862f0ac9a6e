"""Listing of a folder's images and of skipped files."""

import os
import re
from collections import Counter, defaultdict
from pathlib import Path

from irp_lightning.data.audit.remarks import Remark, listed, remarked
from irp_lightning.data.files.headers import read_header
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable

__all__ = ["IMAGE_SUFFIXES", "Listing", "hidden_folders", "image_files", "mask_of", "sub_folders"]

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".bmp", ".dib", ".tif", ".tiff"}
    | {".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".gif"}
)
"""Endings that Pillow decodes, in any case."""

OTHER_IMAGES = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf"}
    | {".rw2", ".dcm", ".exr", ".hdr", ".npy", ".psd"}
)
"""Endings of images that are not decoded: what is missed with them are images all the same."""

LITTER = frozenset({"thumbs.db", "desktop.ini", "@eadir", "__macosx", "#recycle", "$recycle.bin"})
"""What systems leave in folders, besides names that begin with a dot; passed over without a word."""

MASK_FOLDERS = frozenset(
    {
        "mask",
        "masks",
        "gt",
        "ground_truth",
        "groundtruth",
        "label",
        "labels",
        "annotation",
        "annotations",
    }
)
"""Names of sub-folders that hold no photographs, in any case."""

MASK = re.compile(
    r"(?P<image>.+)[_.-](masks?|gt|labels?|seg|segmentation)(?P<copy> copy| \((copy|\d+)\))?",
    re.IGNORECASE,
)
"""The stem of a file that is called as masks are, and of the image it is of."""

MASK_FIRST = re.compile(r"(mask|gt)[_.-](?P<image>.+)", re.IGNORECASE)
"""Likewise, the other way about; not ``label_7``, a photograph of a label."""


def mask_of(path: Path) -> str | None:
    """The stem of the image that a file's name says it is a mask of; None where it does not.

    >>> mask_of(Path("000_mask.png")), mask_of(Path("mask_000.png")), mask_of(Path("000.png"))
    ('000', '000', None)
    """
    if found := MASK.fullmatch(path.stem):
        return found["image"] + (found["copy"] or "")
    first = MASK_FIRST.fullmatch(path.stem)
    return first["image"] if first else None


def sub_folders(folder: Path) -> list[Path]:
    """The folders right inside a folder, sorted by name; litter is left out."""
    return [path for path in _inside(folder) if path.is_dir()]


def hidden_folders(folder: Path) -> list[Path]:
    """The folders right inside a folder whose names begin with a dot, sorted by name."""
    return [p for p in _entries(folder) if p.name.startswith(".") and p.is_dir()]


def image_files(folder: Path) -> list[Path]:
    """The image files right inside ``folder``, sorted by name; litter is left out."""
    return [path for path in _inside(folder) if _is_image(path)]


def _inside(folder: Path) -> list[Path]:
    return [p for p in _entries(folder) if not p.name.startswith(".") and p.name.lower() not in LITTER]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"{printable(folder)} cannot be listed ({error.strerror})") from error


def _is_image(path: Path) -> bool:
    # A link that leads nowhere is an image that cannot be read, and not none.
    return path.suffix.lower() in IMAGE_SUFFIXES and (path.is_file() or not path.exists())


def _holds_image(path: Path) -> bool:
    """Check whether a file is an image by its content, whatever it is called."""
    try:
        read_header(path)
    except InputError:
        return False
    return True


class Listing:
    """The images of a dataset's folders; remembers what it passed over.

    Args:
        root: What names of images are relative to.
        recursive: Look into sub-folders, too.
    """

    def __init__(self, root: Path, *, recursive: bool = False) -> None:
        self.root, self.recursive = root, recursive
        self._endings: defaultdict[str, list[Path]] = defaultdict(list)
        self._nested: Counter[Path] = Counter()
        self._of_masks: Counter[Path] = Counter()
        self._loose: dict[Path, list[Path]] = {}
        self._elsewhere: Counter[Path] = Counter()

    def name(self, path: Path) -> str:
        """How tables call a file: its path below the root, with ``/``."""
        return printable(path.relative_to(self.root).as_posix())

    def images(self, folder: Path) -> list[Path]:
        """The image files of a folder, sorted by name; files of other endings are remembered."""
        files = self._walk(folder) if self.recursive else _inside(folder)
        for path in files:
            if not _is_image(path) and path.is_file():
                self._endings[path.suffix.lower()].append(path)
            elif path.is_dir() and (count := sum(map(_is_image, self._walk(path)))):
                (self._of_masks if path.name.lower() in MASK_FOLDERS else self._nested)[path] = count
        return [path for path in files if _is_image(path)]

    def loose(self, folder: Path) -> None:
        """Remember images that lie in a folder where only folders belong."""
        self._loose[folder] = image_files(folder)

    def elsewhere(self, folder: Path) -> None:
        """Remember the images of a folder that the layout does not know."""
        self._elsewhere[folder] = sum(map(_is_image, self._walk(folder)))

    def remarks(self) -> list[Remark]:
        """What was passed over."""
        found = []
        if total := self._nested.total():
            names = listed([*map(self.name, self._nested)])
            text = (
                f"{total} images in sub-folders are not read ({names}); data.recursive=true reads them"
            )
            found.append(Remark("in_sub_folders", total, text, falsifies=True))
        if total := self._of_masks.total():
            names = listed([*map(self.name, self._of_masks)])
            text = (
                f"{total} files of {names} are taken for masks, by the name of the folder, and not read"
            )
            found.append(Remark("folders_of_masks", total, text))
        for parent, files in self._loose.items():
            place = "the root" if parent == self.root else f"{self.name(parent)}/"
            text = f"{{count}} images are loose in {place} and are not read ({{names}}); move them "
            loose = [path.name for path in files]
            found += remarked("loose", loose, f"{text}to where they belong", falsifies=True)
        for folder, count in self._elsewhere.items():
            if count:
                text = (
                    f"{count} images of {self.name(folder)}/ are not read: the layout has no such folder"
                )
                found.append(Remark("elsewhere", count, text))
        for ending, files in self._endings.items():
            why, missed = "not a known image format", True
            if ending in OTHER_IMAGES:
                why = "convert them, for example to PNG"
            elif any(map(_holds_image, files)):
                why = "some are images; give those the ending of their format"
            else:
                missed = False
            text = (
                f"{len(files)} files ending in {ending or 'nothing'} are not read: {why} "
                f"({listed([self.name(path) for path in files])})"
            )
            found.append(Remark("other_endings", len(files), text, missed))
        return found

    def _walk(self, folder: Path) -> list[Path]:
        """All files below a folder, in sub-folders too, but for litter; folders of masks as they are."""
        found: list[Path] = []
        folders, seen = [folder], set()
        while folders:
            here = folders.pop()
            if (real := os.path.realpath(here)) in seen:  # links may lead in circles
                continue
            seen.add(real)
            for path in _inside(here):
                walked = path.is_dir() and path.name.lower() not in MASK_FOLDERS
                (folders if walked else found).append(path)
        return sorted(found)
