"""Generated inspection photographs in the MVTec-AD folder layout, for runs without a dataset.

Two textures (``fabric``, ``grain``) and two objects (``washer``, ``tablet``). A defect is painted
on the *scene*, before light and sensor noise, so a defective image and its good twin differ by
the defect alone and the mask is exact.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from irp_lightning.data.generated.painted_defects import PAINTERS
from irp_lightning.data.generated.scenes import SCENES, Photo, photograph, pixel_grid

__all__ = ["CATEGORIES", "DEFECTS", "generate_image", "write_category"]

Mask = NDArray[np.bool_]

_SIZES = range(64, 1025)
_VISIBLE = 8  # Grey levels (of 255) by which a pixel must change to count as altered.
_MIN_AREA = 0.0012  # Smallest share of the image that a defect may cover (31 px at 160 x 160).

CATEGORIES: tuple[str, ...] = tuple(SCENES)
"""Names of the categories that can be generated."""

DEFECTS: dict[str, tuple[str, ...]] = {name: tuple(kinds) for name, kinds in PAINTERS.items()}
"""Names of each category's defects."""


def _altered(good: Photo, bad: Photo) -> Mask:
    """(H, W): where two photographs differ visibly, with pinholes closed."""
    change = np.abs(good.astype(int) - bad).max(-1) >= _VISIBLE
    window = 2 * (len(good) // 40) + 1  # Texture hides part of a change: bridge such gaps.
    image = Image.fromarray((change * 255).astype(np.uint8))
    image = image.filter(ImageFilter.MaxFilter(window)).filter(ImageFilter.MinFilter(window))
    return np.asarray(image) > 0


def _check(category: str, size: int) -> None:
    if category not in CATEGORIES:
        raise ValueError(f"unknown category {category!r}: choose one of {', '.join(CATEGORIES)}")
    if size not in _SIZES:
        raise ValueError(f"size {size!r} is not a whole number from {_SIZES[0]} to {_SIZES[-1]}")


def generate_image(
    category: str,
    index: int,
    *,
    seed: int = 0,
    size: int = 160,
    defect: str | None = None,
    split: str = "train",
) -> tuple[Photo, Mask]:
    """Draws one photograph and the mask of its defect.

    The result depends on the arguments alone. With the same other arguments, ``defect=None``
    gives the good twin: the two images are equal wherever the mask is False.

    Args:
        category: One of `CATEGORIES`.
        index: Number of the image within its split, from 0 without upper bound.
        seed: Non-negative seed of the whole dataset.
        size: Side in pixels, 64 to 1024.
        defect: One of ``DEFECTS[category]``, or None for a good image.
        split: Which series of objects to draw from: ``"train"``, ``"test"`` or a defect's name.
            Images of different splits show different objects.

    Returns:
        The image, (size, size, 3) uint8 RGB, and the mask, (size, size) bool, which is all
        False without a defect and never so with one.

    Raises:
        ValueError: If a name is unknown, ``size`` is out of range or ``index`` or ``seed`` is
            negative.
    """
    _check(category, size)
    kinds = DEFECTS[category]
    splits = ("train", "test", *kinds)
    if split not in splits:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(splits)}")
    if defect is not None and defect not in kinds:
        raise ValueError(f"unknown defect {defect!r} of {category}: choose {', '.join(kinds)}")
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must be 0 or more, got index {index} and seed {seed}")
    # One stream for the scene and one for each attempt at a defect, keyed by the image's name:
    # an image does not depend on its neighbours, nor its scene on its defect.
    key = [seed, CATEGORIES.index(category), splits.index(split), index]
    scene = SCENES[category](np.random.default_rng([*key, 0, 0]), *pixel_grid(size))
    good = photograph(scene)
    if defect is None:
        return good, np.zeros((size, size), bool)
    for attempt in range(40):  # A defect too faint or small to see is drawn anew, stronger.
        rng = np.random.default_rng([*key, 1 + kinds.index(defect), attempt])
        bad = photograph(PAINTERS[category][defect](scene, rng, 1 + 0.05 * attempt))
        mask = _altered(good, bad)
        if mask.mean() >= _MIN_AREA:
            return np.where(mask[..., None], bad, good), mask
    raise RuntimeError(f"no visible {defect} in {category} image {index} of {split}, seed {seed}")


def write_category(
    root: Path,
    category: str,
    *,
    seed: int = 0,
    size: int = 160,
    train_good: int = 120,
    test_good: int = 40,
    per_defect: int = 20,
) -> Path:
    """Writes one category in the MVTec-AD layout, unless it is there already.

    Files are ``train/good/NNN.png``, ``test/good/NNN.png``, ``test/<defect>/NNN.png`` and
    ``ground_truth/<defect>/NNN_mask.png`` (8-bit grey, 0 or 255). They appear all at once: an
    interrupted call leaves at most a hidden folder, and of several processes that write the
    same category one wins and the others use its files.

    Args:
        root: Folder that holds the categories; created if need be.
        category: One of `CATEGORIES`.
        seed: Non-negative seed of the whole dataset.
        size: Side in pixels, 64 to 1024.
        train_good: Number of good training images.
        test_good: Number of good test images.
        per_defect: Number of test images of each defect.

    Returns:
        ``root / category``. If it was there and not empty it is returned as it is, even if it
        was written with other settings.

    Raises:
        ValueError: If ``category`` is unknown, ``size`` is out of range or a number negative.
        OSError: If the files cannot be written.
    """
    _check(category, size)
    if min(seed, train_good, test_good, per_defect) < 0:
        raise ValueError(f"negative number: {seed=}, {train_good=}, {test_good=}, {per_defect=}")
    target = Path(root) / category
    if _filled(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[str, str | None, int]] = [("train", None, train_good)]
    jobs += [("test", None, test_good), *((name, name, per_defect) for name in DEFECTS[category])]
    # The work folder is a sibling, so that the final rename stays within one file system. The
    # draft lies inside it because the work folder itself is readable by its owner only.
    with tempfile.TemporaryDirectory(prefix=f".{category}-", dir=target.parent) as work:
        draft = Path(work) / category
        for split, defect, count in jobs:
            images = draft / ("train" if split == "train" else "test") / (defect or "good")
            masks = draft / "ground_truth" / (defect or "")
            images.mkdir(parents=True)
            masks.mkdir(parents=True, exist_ok=True)
            for k in range(count):
                image, mask = generate_image(
                    category, k, seed=seed, size=size, defect=defect, split=split
                )
                # The files are small; strong compression would cost more than drawing them.
                Image.fromarray(image).save(images / f"{k:03d}.png", compress_level=1)
                if defect:
                    grey = Image.fromarray((mask * 255).astype(np.uint8))
                    grey.save(masks / f"{k:03d}_mask.png", compress_level=1)
        try:
            draft.rename(target)
        except OSError:
            if not _filled(target):  # Otherwise another process was faster: use its files.
                raise
    return target


def _filled(folder: Path) -> bool:
    """Check whether ``folder`` exists and holds something."""
    return folder.is_dir() and any(folder.iterdir())
