"""Defective images among the training images: how many, and which.

The paper states noise levels but not what they are a share of; :func:`contaminate` has three readings.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from irp_lightning.data.dataset import Dataset
from irp_lightning.data.samples import UNLABELLED, Sample
from irp_lightning.data.split import Split, split_samples
from irp_lightning.foundation.errors import InputError, WrongValue
from irp_lightning.foundation.shares import exact

__all__ = ["TrainingPool", "contaminate", "contaminated_counts", "draw_pool"]

T = TypeVar("T")


@dataclass(frozen=True)
class TrainingPool:
    """Training and test images of a run: indices into the dataset's list of samples.

    Attributes:
        train: Training images, normal and injected, shuffled: their order tells no label.
        injected: Those of them that are defective.
        test: Test images.
        dropped: Images that the run does not use.
    """

    train: list[int]
    injected: frozenset[int]
    test: list[int]
    dropped: list[int]

    def of(self, values: Sequence[T]) -> list[T]:
        """Of values by sample, those of the training images."""
        return [values[i] for i in self.train]

    @property
    def noise(self) -> float:
        """The anomalous share of the training images that was achieved, in [0, 1]."""
        return len(self.injected) / max(1, len(self.train))


def draw_pool(images: Dataset, split: str, contamination: str, noise: float, seed: int) -> TrainingPool:
    """Draw what one run trains and tests on.

    Args:
        images: What was read.
        split: How normal images are divided, see :func:`irp_lightning.data.split.split_samples`.
        contamination: What ``noise`` is a share of, see :func:`contaminate`.
        noise: In [0, 0.5].
        seed: Of the draws.

    Raises:
        WrongValue: There is noise and nothing to inject.
        InputError: No normal image is left to train on.
    """
    # A published dataset holds half of its defects back at every noise, so that its test set stays the
    # same. Of somebody's own images, labelled in part, what is not injected is tested on.
    own = any(sample.trusted or sample.defect == UNLABELLED for sample in images.samples)
    sides = split_samples(
        images.samples, images.groups, split, seed, images.hashes, with_pool=noise > 0 or not own
    )
    if noise > 0 and not sides.pool:
        defects = sum(sample.label for sample in images.samples)
        found = (
            f"none of the {defects} defects can join the pool: half of each kind, and whole "
            "groups, stay in the test set"
            if defects
            else "there are none (test/<defect>/ in the MVTec layout)"
        )
        raise WrongValue("noise", noise, f"needs defective images to inject, and {found}; set noise=0")
    if not sides.train_normal:
        raise InputError(
            "every normal training image is identical to a test image and is left out; give others"
        )
    return contaminate(images.samples, sides, contamination, noise, seed)


def contaminated_counts(normals: int, pool: int, noise: float) -> tuple[int, int]:
    """Numbers of normal and defective images for an anomalous share of ``noise``.

    Defects are added to all normals; where the pool is too small for that, all of it is used and
    normals are left out, so that no defect is repeated.

    Args:
        normals: Normal images at hand.
        pool: Defective images at hand.
        noise: Wanted share of defects among the training images, in [0, 1).

    Returns:
        ``(normals, defects)``; the share is as near to ``noise`` as whole images allow.
    """
    share = exact(noise)
    defects = round(normals * share / (1 - share))
    if defects <= pool:
        return normals, defects
    return min(normals, math.floor(pool * (1 - share) / share + Fraction(1, 2))), pool


def contaminate(
    samples: list[Sample], split: Split, contamination: str, noise: float, seed: int
) -> TrainingPool:
    """Choose the training images of one run.

    Args:
        samples: All images of the dataset.
        split: Its sides.
        contamination: ``"share"``: ``noise`` is the anomalous share of the training images, and the
            injected defects are not in the test set. ``"pool"``: ``noise`` is the fraction of the
            defect pool that is injected, normals untouched. ``"overlap"``: as ``share``, and the
            whole pool is in the test set too (so the test set is still the same at every noise).
        noise: In [0, 0.5].
        seed: Of the draw. The images drawn at a lower noise are among those at a higher one.
    """
    rng = random.Random(seed)
    normals, pool = (rng.sample(side, len(side)) for side in (split.train_normal, split.pool))
    if contamination == "pool":
        n_normal, n_injected = len(normals), round(exact(noise) * len(pool))
    else:
        n_normal, n_injected = contaminated_counts(len(normals), len(pool), noise)
    test = sorted(split.test + (split.pool if contamination == "overlap" else []))
    train = normals[:n_normal] + pool[:n_injected]
    used = {*train, *test}
    return TrainingPool(
        train=rng.sample(train, len(train)),
        injected=frozenset(pool[:n_injected]),
        test=test,
        dropped=[i for i in range(len(samples)) if i not in used],
    )
