"""What the two benchmarks hold, and how many images of it a run trains on.

MVTec-AD: Bergmann, Fauser, Sattlegger, Steger, CVPR 2019, Table 1; defects by kind as in its folders.
KSDD2: Božič, Tabernik, Skočaj, Computers in Industry 2021.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from irp_lightning.data.config import DataConfig
from irp_lightning.data.contamination import draw_pool
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.readers import mvtec
from irp_lightning.data.samples import GOOD, Sample
from irp_lightning.foundation.errors import InputError

__all__ = ["PUBLISHED", "Category", "Counts", "counts"]


class Category(NamedTuple):
    """Images of a category: normal ones on both sides, defective ones by kind on both sides."""

    train_good: int
    test_good: int
    test_defects: tuple[int, ...]
    train_defects: tuple[int, ...] = ()

    @property
    def defective(self) -> int:
        """All defective images."""
        return sum(self.test_defects) + sum(self.train_defects)

    @property
    def images(self) -> int:
        """All images."""
        return self.train_good + self.test_good + self.defective

    def samples(self) -> Iterator[Sample]:
        """Samples without files: all that counting needs."""
        sides = (
            ("train", GOOD, self.train_good),
            ("test", GOOD, self.test_good),
            *(("test", f"kind{k}", n) for k, n in enumerate(self.test_defects)),
            *(("train", f"kind{k}", n) for k, n in enumerate(self.train_defects)),
        )
        for side, defect, number in sides:
            for i in range(number):
                name = f"{side}/{defect}/{i}"
                yield Sample(Path(name), name, side, defect)


PUBLISHED = {
    "bottle": Category(209, 20, (20, 22, 21)),
    "cable": Category(224, 58, (13, 12, 11, 14, 10, 12, 10, 10)),
    "capsule": Category(219, 23, (23, 22, 21, 23, 20)),
    "carpet": Category(280, 28, (19, 17, 17, 17, 19)),
    "leather": Category(245, 32, (19, 19, 17, 19, 18)),
    "metal_nut": Category(220, 22, (25, 22, 23, 23)),
    "pill": Category(267, 26, (25, 17, 21, 26, 19, 9, 24)),
    "screw": Category(320, 41, (24, 24, 25, 23, 23)),
    "tile": Category(230, 33, (17, 18, 16, 18, 15)),
    "zipper": Category(240, 32, (19, 16, 17, 16, 17, 18, 16)),
    "ksdd2": Category(2085, 894, (110,), (246,)),
}
"""The paper's ten classes of MVTec-AD, and KSDD2."""


class Counts(NamedTuple):
    """Images of a category, and of one run on it."""

    images: int
    train: int
    injected: int
    test: int


@cache
def counts(category: str, contamination: str, noise: float, data: DataConfig | None = None) -> Counts:
    """How many images a run trains and tests on, by the project's own split and contamination.

    Without groups these are the same for every seed.

    Args:
        category: A key of ``PUBLISHED``, or another one in the MVTec layout.
        contamination: ``"share"``, ``"pool"`` or ``"overlap"``.
        noise: In [0, 0.5].
        data: Where a category lies that is not published.

    Raises:
        InputError: The category is neither published nor there, or there is noise and nothing to inject.
    """
    if category in PUBLISHED:
        samples = list(PUBLISHED[category].samples())
    elif data is not None:
        samples = mvtec.read(data).samples
    else:
        known = ", ".join(PUBLISHED)
        raise InputError(f"data.category={category} is none of {known}; give its folder with --mvtec")
    names = [sample.name for sample in samples]
    images = Dataset(samples, groups=names, hashes=[], skipped={}, cropped_away=0)
    pool = draw_pool(images, "published", contamination, noise, seed=0)
    return Counts(len(samples), len(pool.train), len(pool.injected), len(pool.test))
