"""A folder with one picture per image: its heat map over it."""

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile

from tqdm import tqdm

from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.detectors.checkpoint import Loaded
from irp_lightning.detectors.new_photograph import load_photograph
from irp_lightning.foundation.atomic import write_whole
from irp_lightning.foundation.errors import InputError
from irp_lightning.localisation.anomaly_map import anomaly_map
from irp_lightning.localisation.heat_maps import heat_map_picture

__all__ = ["check_heat_map_folder", "heat_map_names", "write_heat_maps"]


def heat_map_names(images: Sequence[Path]) -> list[str]:
    """The name of each image's picture relative to the folder: ``.png``, with ``/``.

    Different images have different names. Those of several folders keep their folders, below the deepest
    one that holds them all; where images differ in their suffix alone, the later ones get a number.
    """
    # Not resolved: links are named as the user named them.
    places = [Path(os.path.abspath(path)) for path in images]  # noqa: PTH100
    names: dict[Path, Path] = {}
    taken: set[str] = set()
    for place in dict.fromkeys(places):
        ends = (f"-{k}" if k > 1 else "" for k in count(1))
        choices = (place.with_name(f"{place.stem}{end}.png") for end in ends)
        # Some file systems take A.png and a.png for one file.
        names[place] = next(name for name in choices if str(name).lower() not in taken)
        taken.add(str(names[place]).lower())
    top = os.path.commonpath([place.parent for place in places])
    return [names[place].relative_to(top).as_posix() for place in places]


def check_heat_map_folder(folder: Path, images: Sequence[Path]) -> None:
    """Refuse a folder before any work is done; it is not made yet.

    Raises:
        InputError: It is a file, cannot be written, or a picture would replace one of the images.
    """
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise InputError(f"{folder}: {nearest} is not a folder; give a folder, or a new name")
    try:
        # Permissions alone do not tell: the disk may be read-only.
        with TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from error
    originals = {path.resolve() for path in images}
    for name in heat_map_names(images):
        if (folder / name).resolve() in originals:
            raise InputError(f"{folder} would replace {folder / name}; give another folder")


def write_heat_maps(
    loaded: Loaded, images: Sequence[Path], folder: Path, max_pixels: int = MAX_PIXELS
) -> None:
    """Write every image with its map over it, whole once it exists.

    Args:
        loaded: The detector.
        images: Image files.
        folder: Where to write, by the names of :func:`heat_map_names`; made with the first file.
        max_pixels: Larger images are refused.

    Raises:
        InputError: An image is refused as by
            :func:`~irp_lightning.detectors.new_photograph.load_photograph`, the score has neither map
            nor gradient, or the folder is refused as by :func:`check_heat_map_folder`.
    """
    check_heat_map_folder(folder, images)  # of fewer images than before, the names may be others
    spec = loaded.extractor.spec
    named = dict(zip(images, heat_map_names(images), strict=True))
    for path, name in tqdm(named.items(), desc="heat maps", unit="image", disable=None, leave=False):
        photograph = load_photograph(loaded, path, max_pixels)
        try:
            heat = anomaly_map(loaded.detector, loaded.extractor, photograph.shown, loaded.n_views)
        except ValueError as error:
            raise InputError(f"no heat maps: {error}") from error
        picture = heat_map_picture(photograph.picture, heat, spec.crop, photograph.frame)
        try:
            write_whole(folder / name, picture.save)
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({error.strerror})") from error
