"""Make sure that every image has its features, and give them to a run."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.extraction import extract
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.image_features import (
    BankFeatures,
    FeatureSource,
    LiveFeatures,
    ResidentFeatures,
)

__all__ = ["CACHES", "fill_bank", "free_memory", "load_features"]

CACHES = ("bank", "memory", "live")

ATTEMPTS = 3
"""How often entries that turn out damaged are made again before the disk is given up."""


def load_features(
    cache: str,
    paths: Sequence[Path],
    hashes: Sequence[str],
    extractor: FeatureExtractor,
    bank: FeatureBank,
    *,
    workers: int,
    device: torch.device,
    memory_limit: float | None = None,
    say: Callable[[str], None] = print,
) -> FeatureSource:
    """Features of some images, extracted where the bank does not hold them yet.

    Args:
        cache: ``"bank"`` keeps them on disk for all runs to come; ``"memory"`` computes them for
            this run alone; ``"live"`` computes them at every step, with fresh angles in training.
        paths: Image files.
        hashes: The digest of each file's content.
        extractor: What to run.
        bank: Where ``"bank"`` looks and writes.
        workers: Decoding processes.
        device: Where the backbone runs, and where features live if they fit.
        memory_limit: GiB that features may take in memory; None: half of what is free. They lie on
            the device if they fit there, else in main memory, else in the bank's files.
        say: Told, in one line each, what the user should know.
    """
    if cache == "live":
        return LiveFeatures(paths, extractor.to(device), os.cpu_count() or 1)
    shape = (len(paths), extractor.spec.n_vectors, extractor.dim)
    run_extractor = partial(extract, extractor=extractor, workers=workers, device=device)
    if cache == "memory":
        features = torch.empty(shape)
        for i, vectors in run_extractor(list(paths)):
            features[i] = vectors
        return ResidentFeatures(features.to(device))

    kept = fill_bank(bank, paths, hashes, run_extractor, say)
    bank.mark_used()
    size = 4 * shape[0] * shape[1] * shape[2]
    # Where the bank cannot be written there are no files to read from: memory it is.
    place = _place(size, device, memory_limit) or (torch.device("cpu") if kept else None)
    resident = torch.empty(shape) if place else None
    for _ in range(ATTEMPTS):
        bad = []
        for i, image in enumerate(hashes):
            value = kept[image] if image in kept else bank.read(image)
            if value is None or value.shape != shape[1:]:
                bad.append(i)
            elif resident is not None:
                resident[i] = value
        if not bad:
            break
        say(f"feature bank: {len(bad)} damaged entries in {bank.folder} are made again")
        kept |= fill_bank(bank, [paths[i] for i in bad], [hashes[i] for i in bad], run_extractor, say)
    else:
        raise InputError(
            f"cache_dir: entries of {bank.folder} come out damaged each time they are written; "
            "check that disk, or set cache_dir to another"
        )
    if resident is None or place is None:
        say(f"the features' {size / 2**30:.1f} GiB do not fit into memory: read from {bank.folder}")
        return BankFeatures(bank, hashes, shape[2], shape[1])
    return ResidentFeatures(resident.to(place))


def _place(size: int, device: torch.device, limit: float | None) -> torch.device | None:
    """The device if the features fit there, else the CPU if they fit there, else None."""
    for place in dict.fromkeys((device, torch.device("cpu"))):
        if size <= (free_memory(place) / 2 if limit is None else limit * 2**30):
            return place
    return None


def fill_bank(
    bank: FeatureBank,
    paths: Sequence[Path],
    hashes: Sequence[str],
    run_extractor: Callable[..., Iterator[tuple[int, Tensor]]],
    say: Callable[[str], None],
) -> dict[str, Tensor]:
    """Extract what the bank lacks, in memory that does not grow with the number of images.

    Several processes that lack the same images share the work: each takes them in an order of its
    own, and looks again right before an image's turn whether somebody else has done it.

    Args:
        bank: Where entries are looked for and written.
        paths: Image files.
        hashes: The digest of each file's content.
        run_extractor: :func:`extract` with all but its paths and ``done`` filled in.
        say: Told when the bank cannot be written.

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
                    "features stay in memory for this run alone"
                )
            unwritten[images[i]] = features
    return unwritten


def free_memory(device: torch.device) -> float:
    """Bytes that are free on a device, or can be freed at once; without Linux's word: half of all."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
    except (OSError, StopIteration):
        return 0.5 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _is_done(bank: FeatureBank, images: list[str], i: int) -> bool:
    return images[i] in bank
