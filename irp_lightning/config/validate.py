"""Check a whole configuration before any work begins.

Hydra itself refuses unknown keys and unknown choices of a group; here are the values.
"""

import inspect
import math
from collections.abc import Sequence
from pathlib import Path

import lightning as L
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from irp_lightning.data.contamination import CONTAMINATIONS, TrainingPool
from irp_lightning.data.dataset import READERS, Dataset
from irp_lightning.data.images import CROPS
from irp_lightning.data.split import NORMAL_SPLITS, Split
from irp_lightning.foundation.errors import InputError
from irp_lightning.features.backbone import BACKBONES, smallest_image
from irp_lightning.features.bank import DTYPES
from irp_lightning.features.extractor import AUTOCASTS
from irp_lightning.features.preparation import CACHES
from irp_lightning.features.views import FILLS, INTERPOLATIONS
from irp_lightning.detectors.fit import is_closed_form
from irp_lightning.detectors.flow import SCORES
from irp_lightning.foundation.processes import is_distributed
from irp_lightning.refinement.callback import RETRAINS
from irp_lightning.refinement.rules import MIN_IMAGES, REMOVALS, RULES
from irp_lightning.detectors.scoring import SCORINGS
from irp_lightning.config.validate_trainer import validate_trainer

__all__ = ["validate", "validate_data", "validate_folds"]

CHOICES = {
    "data.reader": READERS,
    "data.split": NORMAL_SPLITS,
    "data.crop": CROPS,
    "data.on_bad_image": ("error", "skip"),
    "contamination.kind": CONTAMINATIONS,
    "backbone.name": BACKBONES,
    "views.interpolation": INTERPOLATIONS,
    "views.fill": FILLS,
    "features.cache": CACHES,
    "features.dtype": DTYPES,
    "features.autocast": AUTOCASTS,
    "refine.scoring": SCORINGS,
    "refine.rule": RULES,
    "refine.remove": REMOVALS,
    "refine.retrain": RETRAINS,
    "model.score": SCORES,
    "model.compile": (True, False),
    "references": (True, False),
    "sweep.force": (True, False),
    "sweep.objective": ("separation", "image_auroc"),
    "trainer.accelerator": ("auto", "cpu", "gpu", "cuda"),
    "trainer.strategy": ("auto", "ddp"),
    "trainer.precision": ("32-true", "bf16-mixed", "16-mixed"),
}

NAMES = ("name", "sweep.name", "cache_dir", "data.root", "data.category", "data.groups")
"""Texts that must not be empty."""

COUNTS = {
    "epochs": 1,
    "max_rounds": 1,
    "round_epochs": 1,
    "batch_size": 1,
    "seed": 0,
    "views.count": 1,
    "views.seed": 0,
    "views.n_transforms": 1,
    "views.n_transforms_test": 1,
    "data.image_size": 1,
    "backbone.n_scales": 1,
    "backbone.seed": 0,
    "refine.max_rounds": 0,
    "refine.round_epochs": 1,
    "refine.patience": 1,
    "refine.folds": 2,
    "refine.grid": 1,
    "model.neighbours": 1,
    "model.n_blocks": 1,
    "model.hidden": 1,
}
"""Whole numbers, with their lowest value."""

LARGEST = 2**32
"""Whole numbers stay below it: what seeds may be, and more than any count needs."""

NOT_ARGUMENTS = ("_target_", "_convert_", "name")
"""What ``model`` holds besides the detector's arguments."""

POSITIVE = ("lam", "refine.k", "model.lr", "model.clamp", "model.eps")


def validate(cfg: DictConfig) -> None:
    """Check every value that can be checked without touching data or weights.

    Keys that the chosen options do not have are passed over (``refine=none`` has no λ).

    Raises:
        InputError: A value is of the wrong type or out of its range; the message names the key, the
            value and what is allowed.
    """
    for key, allowed in CHOICES.items():
        value = OmegaConf.select(cfg, key)
        if _present(cfg, key) and value not in allowed:
            raise InputError(f"{key}={value} is unknown; choose one of: {', '.join(map(str, allowed))}")
    for key in NAMES:
        _name(cfg, key)
    for key, lowest in COUNTS.items():
        _whole(cfg, key, lowest)
    for key in POSITIVE:
        _real(cfg, key, 0, math.inf, "a number above 0", open_ends=True)
    _real(cfg, "noise", 0, 0.5, "a number in [0, 0.5]")
    _real(cfg, "refine.max_removed", 0, 1, "a share between 0 and 1, such as 0.5", open_ends=True)
    _real(cfg, "model.average", 0, 0.9999, "0 for none, or a decay below 1, such as 0.98")
    _real(cfg, "model.weight_decay", 0, math.inf, "a number of at least 0")
    _real(cfg, "features.memory_limit_gb", 0, math.inf, "a size in GiB, or null")
    _real(cfg, "checkpoint_seconds", 0, math.inf, "seconds, at least 0")
    if OmegaConf.select(cfg, "refine.rule") == "top_share":
        _real(cfg, "refine.k", 0, 1, "a share between 0 and 1, such as 0.1", open_ends=True)
    for key in ("features.workers", "localise"):
        if OmegaConf.select(cfg, key) is not None:
            _whole(cfg, key, 0)
    _check_views(cfg)
    validate_trainer(cfg)
    _check_model(cfg)
    _check_tags(cfg.logger)
    smallest = smallest_image(cfg.backbone.name, cfg.backbone.n_scales)
    if cfg.data.image_size < smallest:
        raise InputError(
            f"data.image_size={cfg.data.image_size} is too small: at the smallest of "
            f"{cfg.backbone.n_scales} scales {cfg.backbone.name} needs "
            f"{smallest // 2 ** (cfg.backbone.n_scales - 1)} px, so take {smallest} or more"
        )
    weights = cfg.backbone.weights
    if weights is not None and not Path(str(weights)).expanduser().is_file():
        raise InputError(f"backbone.weights={weights} is not a file; give a torchvision state dict")


def validate_data(cfg: DictConfig, dataset: Dataset, split: Split, pool: TrainingPool) -> None:
    """Check that the images are enough for what the configuration asks of them.

    Raises:
        InputError: There is nothing to inject, or fewer training images than a batch or than the
            rule can judge.
    """
    defects = sum(sample.label for sample in dataset.samples)
    if cfg.noise > 0 and not split.pool:
        if not defects:
            found = (
                f"{cfg.data.category} in {cfg.data.root} has none (test/<defect>/ in the MVTec layout)"
            )
        else:
            found = (
                f"none of the {defects} in {cfg.data.category} is free for the pool: half of each kind, "
                "and whole groups, stay in the test set"
            )
        raise InputError(f"noise={cfg.noise} needs defective images to inject, and {found}; set noise=0")
    count = len(pool.train)
    if count < cfg.batch_size:
        raise InputError(
            f"batch_size={cfg.batch_size} is more than the {count} training images; "
            f"set batch_size={count} or lower"
        )
    if cfg.refine.max_rounds and count < MIN_IMAGES:
        raise InputError(
            f"refine={cfg.refine.name} cannot judge {count} training images; "
            f"give at least {MIN_IMAGES}, or set refine=none"
        )


def validate_folds(cfg: DictConfig, groups: Tensor) -> None:
    """Check that there is a group of training images for every fold.

    Raises:
        InputError: There are fewer groups, (N,) one number per image, than folds.
    """
    found = len(groups.unique())
    if found < cfg.refine.folds:
        raise InputError(
            f"refine.folds={cfg.refine.folds} is more than the {found} groups of training images; "
            "lower it, or set refine.scoring=in_sample"
        )


def _check_views(cfg: DictConfig) -> None:
    views = cfg.views
    drawn = {"n_transforms_test": views.n_transforms_test}
    if cfg.features.cache != "live":  # live training draws any number of angles
        drawn["n_transforms"] = views.n_transforms
    for key, value in drawn.items():
        if value > views.count:
            raise InputError(
                f"views.{key}={value} is more than the {views.count} views there are; "
                f"raise views.count or lower views.{key}"
            )


def _check_model(cfg: DictConfig) -> None:
    model = cfg.model
    betas = model.get("betas", (0.8, 0.8))
    pair = isinstance(betas, Sequence) and len(betas) == 2
    if not pair or not all(isinstance(b, int | float) and 0 <= b < 1 for b in betas):
        raise InputError(f"model.betas={betas} is not allowed; give two numbers in [0, 1)")
    if OmegaConf.is_missing(model, "_target_"):
        raise InputError("model._target_ is not set; name a LightningModule, as my_module.MyDetector")
    name = model.get("_target_")
    try:
        target = get_class(str(name))
    except Exception as error:
        raise InputError(f"model._target_={name} is no class; name that of a LightningModule") from error
    if not issubclass(target, L.LightningModule) or not callable(getattr(target, "score", None)):
        raise InputError(f"model._target_={name} is no LightningModule with score(batch); name one")
    arguments = {str(key): value for key, value in model.items() if key not in NOT_ARGUMENTS}
    try:
        inspect.signature(target).bind(dim=1, **arguments)
    except TypeError as error:
        raise InputError(
            f"model._target_={name} cannot be made: {error}; it is called with dim and the keys of model"
        ) from error
    if is_closed_form({"_target_": name}):
        _check_closed_form(cfg)


def _check_closed_form(cfg: DictConfig) -> None:
    views = cfg.views
    if is_distributed(cfg.trainer):
        raise InputError(
            f"model={cfg.model.name} is fitted in one pass, with no gradient for several processes to "
            "share; set trainer=default"
        )
    if cfg.features.cache == "live":
        raise InputError(
            f"features.cache=live gives model={cfg.model.name}, which one pass over the images fits, "
            "other views than it is scored on; set features.cache=bank or memory"
        )
    if views.n_transforms_test != views.count:
        raise InputError(
            f"views.n_transforms_test={views.n_transforms_test} is not views.count={views.count}: "
            f"model={cfg.model.name} is fitted and scored on all views; leave it out"
        )


def _check_tags(logger: DictConfig) -> None:
    tags = OmegaConf.select(logger, "wandb.tags")
    if logger.wandb is not None and not (
        OmegaConf.is_list(tags) and all(isinstance(tag, str) for tag in tags)
    ):
        raise InputError(f"logger.wandb.tags={tags} is not allowed; give a list of words, such as [a,b]")


def _name(cfg: DictConfig, key: str) -> None:
    value = OmegaConf.select(cfg, key)
    if value is None or not str(value).strip():
        raise InputError(f"{key}={value} is not allowed; give a name or a path")


def _whole(cfg: DictConfig, key: str, lowest: int) -> None:
    value = OmegaConf.select(cfg, key)
    if value is None and not _present(cfg, key):
        return
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value < LARGEST:
        raise InputError(f"{key}={value} is not allowed; give a whole number of at least {lowest}")


def _real(
    cfg: DictConfig, key: str, low: float, high: float, wanted: str, open_ends: bool = False
) -> None:
    value = OmegaConf.select(cfg, key)
    if value is None and (not _present(cfg, key) or key == "features.memory_limit_gb"):
        return
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not (low < value < high if open_ends else low <= value <= high):
        raise InputError(f"{key}={value} is not allowed; give {wanted}")


def _present(cfg: DictConfig, key: str) -> bool:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    return node is not None and name in node
