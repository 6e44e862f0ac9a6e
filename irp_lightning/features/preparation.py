"""Make sure that every image has its features, and give them to a run."""

import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import FeaturesConfig
from irp_lightning.features.extraction import default_workers, extract
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.image_features import (
    BankFeatures,
    ImageFeatures,
    LiveFeatures,
    ResidentFeatures,
)
from irp_lightning.features.memory import place_for
from irp_lightning.foundation.errors import InputError

__all__ = ["fill_bank", "prepare_features", "run_of"]

ATTEMPTS = 3
"""How often entries that turn out damaged are made again before the disk is given up."""

RunExtractor = Callable[..., Iterator[tuple[int, Tensor]]]
""":func:`extract` with all but its paths and ``done`` filled in."""


def prepare_features(
    extractor: FeatureExtractor,
    bank: FeatureBank,
    paths: Sequence[Path],
    hashes: Sequence[str],
    features: FeaturesConfig,
    device: torch.device,
    *,
    once: bool = False,
    say: Callable[[str], None] = print,
) -> ImageFeatures:
    """Features of some images, extracted where the bank does not hold them yet.

    Args:
        extractor: What to run.
        bank: Where ``cache="bank"`` looks and writes.
        paths: Image files.
        hashes: The digest of each file's content.
        features: How they are computed and kept. They lie on the device if they fit into the memory
            limit there, else in main memory, else in the bank's files.
        device: Where the backbone runs.
        once: They are read once: not live, and not held in memory where the bank can hold them.
        say: Called with each line that the user should read.

    Raises:
        InputError: An image cannot be decoded, or the bank's disk damages what is written there.
    """
    cache = "memory" if once and features.cache == "live" else features.cache
    if cache == "live":
        return LiveFeatures(paths, extractor.to(device), ThreadPoolExecutor(os.cpu_count() or 1))
    run_extractor = run_of(extractor, features, device)
    shape = (len(paths), extractor.spec.n_vectors, extractor.dim)
    if cache == "memory":
        vectors = torch.empty(shape)
        for i, of_one in run_extractor(list(paths)):
            vectors[i] = bank.rounded(of_one)
        return ResidentFeatures(vectors.to(device))
    size = 4 * math.prod(shape)
    place = None if once else place_for(size, device, features.memory_limit_gb)
    if place is None and not once:
        say(f"the features' {size / 2**30:.1f} GiB do not fit into memory: read from {bank.folder}")
    return _from_bank(bank, paths, hashes, shape, run_extractor, place, say)


def run_of(extractor: FeatureExtractor, features: FeaturesConfig, device: torch.device) -> RunExtractor:
    """How an extractor runs over paths: by as many workers as are set, or as fit the machine."""
    workers = default_workers() if features.workers is None else features.workers
    return partial(
        extract, extractor=extractor, workers=workers, device=device, compile=features.compile
    )


def _from_bank(
    bank: FeatureBank,
    paths: Sequence[Path],
    hashes: Sequence[str],
    shape: tuple[int, int, int],
    run_extractor: RunExtractor,
    place: torch.device | None,
    say: Callable[[str], None],
) -> ImageFeatures:
    kept = fill_bank(bank, paths, hashes, run_extractor, say)
    bank.mark_used()
    if kept and place is None:  # the bank cannot be written: there are no files to read from
        place = torch.device("cpu")
    resident = torch.empty(shape) if place else None

    def is_sound(i: int) -> bool:
        vectors = kept[hashes[i]] if hashes[i] in kept else bank.read(hashes[i])
        if vectors is None or vectors.shape != shape[1:]:
            return False
        if resident is not None:
            resident[i] = vectors
        return True

    bad = list(range(len(paths)))
    for _ in range(ATTEMPTS):
        bad = [i for i in bad if not is_sound(i)]
        if not bad:
            break
        say(f"feature bank: {len(bad)} damaged entries in {bank.folder} are computed again")
        kept |= fill_bank(bank, [paths[i] for i in bad], [hashes[i] for i in bad], run_extractor, say)
    else:
        raise InputError(
            f"cache_dir: entries of {bank.folder} come out damaged each time they are written; "
            "check that disk, or set cache_dir to another"
        )
    if resident is None or place is None:
        return BankFeatures(bank, hashes, shape[2], shape[1])
    return ResidentFeatures(resident.to(place))


def fill_bank(
    bank: FeatureBank,
    paths: Sequence[Path],
    hashes: Sequence[str],
    run_extractor: RunExtractor,
    say: Callable[[str], None],
) -> dict[str, Tensor]:
    """Extract what the bank lacks, in memory that does not grow with the number of images.

    Several processes that lack the same images share the work: each takes them in an order of its
    own, and looks again right before an image's turn whether somebody else has done it.

    Args:
        bank: Where entries are looked for and written.
        paths: Image files.
        hashes: The digest of each file's content.
        run_extractor: Runs the extractor.
        say: Called when the bank cannot be written.

    Returns:
        By digest, the features that could not be written: empty unless the bank's disk is full or
        read-only.
    """
    lacking = {image: path for image, path in zip(hashes, paths, strict=True) if image not in bank}
    images = list(lacking)
    if not images:
        return {}
    random.SystemRandom().shuffle(images)
    unwritten: dict[str, Tensor] = {}
    done = partial(_is_done, bank, images)
    for i, features in run_extractor([lacking[image] for image in images], done=done):
        try:
            bank.write(images[i], features)
        except OSError as error:
            if not unwritten:
                say(
                    f"cache_dir: {bank.folder} cannot be written ({error.strerror}); "
                    "features stay in memory for this run only"
                )
            unwritten[images[i]] = bank.rounded(features)
    return unwritten


def _is_done(bank: FeatureBank, images: list[str], i: int) -> bool:
    return images[i] in bank
