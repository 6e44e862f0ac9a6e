"""One experiment, top to bottom: ``python -m irp_lightning.run +experiment=demo``."""

import logging
import math
import os
import platform
import sys
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from irp_lightning.data.contamination import TrainingPool, contaminate
from irp_lightning.data.dataset import Dataset, list_samples, load_dataset
from irp_lightning.data.images import find_unreadable
from irp_lightning.data.refinable import RefinableData
from irp_lightning.data.split import split_samples
from irp_lightning.errors import InputError
from irp_lightning.features.bank import FeatureBank, content_hashes
from irp_lightning.features.extraction import default_workers
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.loading import load_features
from irp_lightning.features.source import FeatureSource
from irp_lightning.refinement.iterative import IterativeRefinement
from irp_lightning.reporting.evaluation import auroc, average_precision, removal_counts
from irp_lightning.reporting.figures import removed_gallery, roc_curve, score_histograms
from irp_lightning.reporting.loggers import finish_loggers, make_loggers
from irp_lightning.reporting.progress import RoundProgress
from irp_lightning.reporting.run_folder import RunFolder
from irp_lightning.reporting.stopwatch import Stopwatch
from irp_lightning.reporting.summary import print_summary
from irp_lightning.reporting.tables import (
    MANIFEST_COLUMNS,
    REMOVED_COLUMNS,
    ROUND_COLUMNS,
    SCORE_COLUMNS,
    manifest_rows,
    removed_rows,
    round_rows,
    score_rows,
)
from irp_lightning.validate import validate, validate_data

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
    for line in dataset.remarks():
        print(line)
    with watch("features"):
        source = load_features(
            cfg.features.cache,
            [sample.path for sample in dataset.samples],
            [hashes[sample.path] for sample in dataset.samples],
            extractor,
            bank,
            workers=cfg.features.workers if cfg.features.workers is not None else default_workers(),
            device=device,
            memory_limit=cfg.features.memory_limit_gb,
        )

    folder.text("config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    folder.csv("manifest.csv", MANIFEST_COLUMNS, manifest_rows(dataset, pool))
    try:
        return _fit_and_report(cfg, folder, watch, dataset, pool, source, extractor)
    except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
        folder.json("metrics.json", {"status": "failed", "error": "interrupted"})
        raise KeyboardInterrupt from None
    except Exception as error:
        message = " ".join(str(error).split()) or type(error).__name__
        folder.json("metrics.json", {"status": "failed", "error": message})
        raise


def _fit_and_report(
    cfg: DictConfig,
    folder: RunFolder,
    watch: Stopwatch,
    dataset: Dataset,
    pool: TrainingPool,
    source: FeatureSource,
    extractor: FeatureExtractor,
) -> float | None:
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    train = [dataset.samples[i] for i in pool.train]
    injected = torch.tensor([i in pool.injected for i in pool.train], dtype=torch.bool)
    carried = {
        "model": {**config["model"], "dim": source.dim},
        "extractor": extractor.export(),
        "n_transforms_test": cfg.views.n_transforms_test,
    }
    data = RefinableData(
        source,
        pool.train,
        pool.test,
        batch_size=cfg.batch_size,
        n_transforms=cfg.views.n_transforms,
        n_transforms_test=cfg.views.n_transforms_test,
        seed=cfg.seed,
        carried=carried,
    )
    module = instantiate(carried["model"])
    rules = {key: value for key, value in config["refine"].items() if key != "name"}
    refinement = IterativeRefinement(
        epochs=cfg.epochs,
        **rules,
        # The one place where labels reach training, and only for the ceiling.
        remove_first=injected if cfg.refine.name == "oracle" else None,
    )
    loggers = make_loggers(cfg.logger.wandb, folder.path, config, print)
    status = "failed"
    try:
        with watch("fit"):
            trainer = L.Trainer(
                **config["trainer"],
                max_epochs=refinement.max_epochs,
                reload_dataloaders_every_n_epochs=1,
                callbacks=[refinement, RoundProgress(refinement)],
                logger=loggers,
                log_every_n_steps=1,
                default_root_dir=folder.path,
                enable_checkpointing=False,
                enable_model_summary=False,
                enable_progress_bar=False,
                use_distributed_sampler=False,
            )
            trainer.fit(module, datamodule=data)
        with watch("evaluate"):
            labels = torch.tensor([sample.label for sample in train])
            test = [dataset.samples[i] for i in pool.test]
            test_labels = torch.tensor([sample.label for sample in test])
            last = refinement.rounds[-1]
            rows = round_rows(refinement.rounds, labels, test_labels)
            folder.csv("rounds.csv", ROUND_COLUMNS, rows)
            folder.csv("removed.csv", REMOVED_COLUMNS, removed_rows(refinement.rounds, train))
            folder.csv("scores.csv", SCORE_COLUMNS, score_rows(test, last.test_scores))
            folder.write("figures/scores.png", score_histograms(refinement.rounds, labels).savefig)
            folder.write("figures/roc.png", roc_curve(last.test_scores, test_labels).savefig)
            folder.write("figures/removed.png", removed_gallery(refinement.rounds, train).savefig)
            folder.write("checkpoints/last.ckpt", trainer.save_checkpoint)
        removed = torch.stack([r.removed for r in refinement.rounds]).any(dim=0)
        area = auroc(last.test_scores, test_labels)
        metrics = {
            "image_auroc": area,
            "image_ap": average_precision(last.test_scores, test_labels),
            "noise_requested": cfg.noise,
            "noise_achieved": pool.noise,
            **removal_counts(removed, labels),
            "rounds": len(refinement.rounds) - 1,
            "converged": refinement.converged,
            "method": cfg.refine.name,
            "category": cfg.data.category,
            "seed": cfg.seed,
            "train_images": len(train),
            "test_images": len(test),
            "dataset": {**dataset.facts(), "grouped_by": str(cfg.data.groups)},
            "seconds": watch.seconds,
            "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
            "status": "complete",
        }
        for logger in loggers:
            for row in rows:
                numbers = {f"round/{k}": v for k, v in row.items() if v is not None}
                logger.log_metrics(numbers, step=trainer.global_step + row["round"])
            logger.log_metrics(
                {k: float(v) for k, v in metrics.items() if isinstance(v, int | float)},
                step=trainer.global_step + len(rows),
            )
        status = "success"
    finally:
        finish_loggers(loggers, status)
    folder.json("metrics.json", metrics)
    print_summary(metrics, folder.path)
    return area


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
