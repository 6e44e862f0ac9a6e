"""What one run reads before it fits anything: images, their parts in the run, and their features."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from irp_lightning.data.contamination import TrainingPool, contaminate
from irp_lightning.data.dataset import Dataset, list_samples, load_dataset
from irp_lightning.data.groups import find_groups
from irp_lightning.data.images import find_unreadable
from irp_lightning.data.split import split_samples
from irp_lightning.features.bank import FeatureBank, content_hashes
from irp_lightning.features.extraction import default_workers
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.preparation import load_features
from irp_lightning.features.image_features import FeatureSource
from irp_lightning.foundation.processes import is_distributed, local_rank
from irp_lightning.runs.stopwatch import Stopwatch
from irp_lightning.config.validate import validate_data, validate_folds

__all__ = ["Inputs", "read_inputs"]


@dataclass(frozen=True)
class Inputs:
    """Everything a run reads.

    Attributes:
        dataset: The images and what is known of them.
        pool: What is trained and tested on.
        extractor: What made the features.
        source: Features of all images.
        cells: Features of the cells of all images, for ``refine.scoring=local``.
        fold_groups: (N,), the group of each training image; None where no folds are drawn.
        device: Where features lie and the detector is fitted.
    """

    dataset: Dataset
    pool: TrainingPool
    extractor: FeatureExtractor
    source: FeatureSource
    cells: FeatureSource | None
    fold_groups: Tensor | None
    device: torch.device


def read_inputs(cfg: DictConfig, watch: Stopwatch) -> Inputs:
    """Read what a configuration asks for; fills the feature bank, writes nothing else.

    Args:
        cfg: A valid configuration.
        watch: Times reading and features.

    Raises:
        InputError: The images are not there, or not enough for what is asked of them.
    """
    device = _device(cfg.trainer)
    with watch("read"):
        samples = list_samples(cfg.data)
        extractor = _extractor(cfg)
        bank = FeatureBank(Path(str(cfg.cache_dir)).expanduser(), extractor.spec, cfg.features.dtype)
        hashes = content_hashes([sample.path for sample in samples])
        dataset = load_dataset(cfg.data, samples, partial(_unreadable, bank, hashes))
        split = split_samples(dataset.samples, dataset.groups, cfg.data.split, cfg.seed)
        pool = contaminate(dataset.samples, split, cfg.contamination.kind, cfg.noise, cfg.seed)
        validate_data(cfg, dataset, split, pool)
        fold_groups = _fold_groups(cfg, dataset, pool)
    for line in dataset.remarks():
        print(line)
    load = partial(
        load_features,
        paths=[sample.path for sample in dataset.samples],
        hashes=[hashes[sample.path] for sample in dataset.samples],
        workers=cfg.features.workers if cfg.features.workers is not None else default_workers(),
        device=device,
        memory_limit=cfg.features.memory_limit_gb,
    )
    with watch("features"):
        source = load(cfg.features.cache, extractor=extractor, bank=bank)
        cells = None
        if cfg.refine.get("scoring") == "local":
            of_cells = extractor.of_cells(cfg.refine.grid)
            cells = load(
                "bank" if cfg.features.cache == "bank" else "memory",
                extractor=of_cells,
                bank=FeatureBank(bank.folder.parent, of_cells.spec, cfg.features.dtype),
            )
    return Inputs(dataset, pool, extractor, source, cells, fold_groups, device)


def _fold_groups(cfg: DictConfig, dataset: Dataset, pool: TrainingPool) -> Tensor | None:
    """The group of each training image as a number; None where no folds are drawn.

    Where none are known they are found: two photographs of one part in different folds would give
    each other away.
    """
    if cfg.refine.get("scoring", "in_sample") == "in_sample":
        return None
    names = [dataset.groups[i] for i in pool.train]
    if cfg.data.groups == "none":
        train = [dataset.samples[i] for i in pool.train]
        names = find_groups(train, "auto", os.cpu_count() or 1)
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    groups = torch.tensor([number[name] for name in names])
    validate_folds(cfg, groups)
    return groups


def _extractor(cfg: DictConfig) -> FeatureExtractor:
    return build_extractor(
        name=cfg.backbone.name,
        weights=cfg.backbone.weights,
        backbone_seed=cfg.backbone.seed,
        n_scales=cfg.backbone.n_scales,
        image_size=cfg.data.image_size,
        crop=cfg.data.crop,
        n_views=cfg.views.count,
        view_seed=cfg.views.seed,
        interpolation=cfg.views.interpolation,
        fill=cfg.views.fill,
        autocast=cfg.features.autocast,
    )


def _unreadable(bank: FeatureBank, hashes: dict[Path, str], paths: list[Path]) -> dict[Path, str]:
    """Images that cannot be decoded; one that is in the bank was decoded when it came there."""
    new = [path for path in paths if path not in hashes or hashes[path] not in bank]
    return find_unreadable(new, os.cpu_count() or 1)


def _device(trainer: DictConfig) -> torch.device:
    if not torch.cuda.is_available() or trainer.accelerator not in ("auto", "gpu", "cuda"):
        return torch.device("cpu")
    return torch.device("cuda", local_rank() if is_distributed(trainer) else 0)
