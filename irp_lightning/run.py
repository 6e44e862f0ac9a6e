"""One experiment, top to bottom: ``python -m irp_lightning.run +experiment=demo``."""

import logging
import math
import os
import platform
import sys
import warnings
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from irp_lightning.data.contamination import TrainingPool, contaminate
from irp_lightning.data.dataset import Dataset, list_samples, load_dataset
from irp_lightning.data.groups import find_groups
from irp_lightning.data.images import find_unreadable
from irp_lightning.data.samples import Sample
from irp_lightning.data.split import split_samples
from irp_lightning.errors import InputError
from irp_lightning.features.bank import FeatureBank, content_hashes
from irp_lightning.features.extraction import default_workers
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.loading import load_features
from irp_lightning.features.source import FeatureSource
from irp_lightning.fitting import Fitted, fit_detector, fit_references, make_scorer
from irp_lightning.reporting.localisation import Localisation, choose_images, localise
from irp_lightning.reporting.loggers import finish_loggers, make_loggers
from irp_lightning.reporting.results import Results
from irp_lightning.reporting.run_folder import RunFolder
from irp_lightning.reporting.stopwatch import Stopwatch
from irp_lightning.reporting.summary import print_summary
from irp_lightning.reporting.tables import MANIFEST_COLUMNS, manifest_rows
from irp_lightning.validate import validate, validate_data, validate_folds

__all__ = ["main", "run"]

_HERE = Path(__file__).parent
# In a wheel the configuration lies inside the package; in a checkout beside it.
CONF = _HERE / "conf" if (_HERE / "conf").is_dir() else _HERE.parent / "conf"

PACKAGES = ("torch", "torchvision", "lightning", "hydra-core", "torchmetrics", "FrEIA", "wandb")


def run(cfg: DictConfig, path: Path) -> float | None:
    """Run one experiment and leave its run folder behind.

    Args:
        cfg: The configuration, as composed from ``conf/``.
        path: The run folder.

    Returns:
        The image AUROC on the test set, by the last epoch; None if the test images are of one kind.

    Raises:
        InputError: The configuration or the data are not fit for a run. Nothing was written, unless
            the refinement rule met scores that it cannot judge.
    """
    validate(cfg)
    folder, watch = RunFolder(path), Stopwatch()
    if folder.is_used():
        raise InputError(
            f"{path} holds a run already; remove it, or set hydra.run.dir to another folder"
        )
    device = _device(cfg.trainer.accelerator)
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

    folder.text("config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    folder.csv("manifest.csv", MANIFEST_COLUMNS, manifest_rows(dataset, pool))
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    try:
        metrics = _fit_and_report(
            config, folder, watch, dataset, pool, source, cells, fold_groups, extractor, device
        )
    except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
        folder.json("metrics.json", {"status": "failed", "error": "interrupted"})
        raise KeyboardInterrupt from None
    except Exception as error:
        message = " ".join(str(error).split()) or type(error).__name__
        folder.json("metrics.json", {"status": "failed", "error": message})
        raise
    folder.json("metrics.json", metrics)
    print_summary(metrics, folder.path)
    return metrics["image_auroc"]


def _fit_and_report(
    config: dict[str, Any],
    folder: RunFolder,
    watch: Stopwatch,
    dataset: Dataset,
    pool: TrainingPool,
    source: FeatureSource,
    cells: FeatureSource | None,
    fold_groups: Tensor | None,
    extractor: FeatureExtractor,
    device: torch.device,
) -> dict[str, Any]:
    # Labels reach training in one place, and only for the ceiling: what the oracle leaves out.
    injected = torch.tensor([i in pool.injected for i in pool.train], dtype=torch.bool)
    carried = {
        "model": {k: v for k, v in config["model"].items() if k != "name"} | {"dim": source.dim},
        "extractor": extractor.export(),
        "n_transforms_test": config["views"]["n_transforms_test"],
    }
    loggers = make_loggers(config["logger"]["wandb"], folder.path, config, print)
    status = "failed"
    try:
        with watch("fit"):
            fitted = fit_detector(
                config,
                source,
                pool,
                carried=carried,
                folder=folder.path,
                scorer=make_scorer(config, cells, fold_groups),
                remove_first=injected if config["refine"]["name"] == "oracle" else None,
                loggers=loggers,
            )
        folder.write("checkpoints/last.ckpt", fitted.trainer.save_checkpoint)
        references = {}
        if config["references"]:
            with watch("references"):
                references = fit_references(
                    config, source, pool, carried=carried, folder=folder.path, injected=injected
                )
        with watch("evaluate"):
            refinement = fitted.refinement
            results = Results(config, dataset, pool, refinement.rounds, refinement.converged, references)
            results.write(folder)
        if config["localise"] != 0:
            with watch("localise"):
                results = replace(
                    results, found=_localise(config, results.test, fitted, extractor, device)
                )
                results.write_heat_maps(folder)
        results.log(loggers, fitted.trainer.global_step)
        status = "success"
    finally:
        finish_loggers(loggers, status)
    return {
        **results.metrics(),
        "seconds": watch.seconds,
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
        "status": "complete",
    }


def _localise(
    config: dict[str, Any],
    test: list[Sample],
    fitted: Fitted,
    extractor: FeatureExtractor,
    device: torch.device,
) -> Localisation:
    chosen = choose_images(test, config["localise"], config["seed"])
    detector: Any = fitted.module.to(device).eval()
    n_views = config["views"]["n_transforms_test"]
    try:
        return localise(detector.score, extractor, [test[i] for i in chosen], n_views, device)
    except ValueError as error:
        raise InputError(f"localise={config['localise']}: {error}; set localise=0") from error


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


def _device(accelerator: str) -> torch.device:
    cuda = torch.cuda.is_available() and accelerator in ("auto", "gpu", "cuda")
    return torch.device("cuda" if cuda else "cpu")


def _quiet() -> None:
    """Silence what Lightning says about things that are as they should be here."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*CSVLogger.*|.*Experiment logs directory.*",
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
        ".*configure_optimizers` returned `None`.*",  # detectors that one pass fits
        ".*not been set for this class \\(_ResultMetric\\).*",
    ):
        warnings.filterwarnings("ignore", message)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig) -> float:
    """The command line."""
    _quiet()
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    try:
        area = run(cfg, folder)
    except InputError as error:
        if job.mode == RunMode.RUN:
            raise SystemExit(f"irp_lightning: {error}") from None
        # Within a sweep the other jobs go on; Hydra prints this without a traceback at the end.
        raise CompactHydraException(f"irp_lightning: {error}") from None
    except KeyboardInterrupt:
        print("irp_lightning: interrupted; features that were extracted are kept", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        _remove_if_empty(folder)
    return math.nan if area is None else area


def _remove_if_empty(folder: Path) -> None:
    """Hydra makes the run folder before anything is checked: take it, and its parents, back."""
    for path in (folder, *folder.parents):
        if path == Path.cwd():
            return
        try:
            path.rmdir()
        except OSError:
            return


if __name__ == "__main__":
    sys.exit(main())
