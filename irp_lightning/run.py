"""One experiment, top to bottom: ``python -m irp_lightning.run +experiment=demo``."""

import platform
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.detectors.fit import Fitted, fit_detector, fit_references, make_scorer
from irp_lightning.runs.inputs import Inputs, read_inputs
from irp_lightning.config.paths import with_absolute_paths
from irp_lightning.foundation.processes import is_first_process
from irp_lightning.localisation.localisation import Localisation, choose_images, localise
from irp_lightning.tracking.loggers import finish_loggers, make_loggers
from irp_lightning.evaluation.results import Results
from irp_lightning.runs.run_folder import RunFolder, csv_text
from irp_lightning.runs.stopwatch import Stopwatch
from irp_lightning.runs.summary import print_summary
from irp_lightning.evaluation.tables import MANIFEST_COLUMNS, manifest_rows
from irp_lightning.runs.resume import check_ours, check_same, find_checkpoint, finished_run, is_forced
from irp_lightning.config.validate import validate

__all__ = ["run"]

PACKAGES = ("torch", "torchvision", "lightning", "hydra-core", "torchmetrics", "FrEIA", "wandb")


def run(cfg: DictConfig, path: Path) -> dict[str, Any]:
    """Run one experiment and leave its run folder behind; go on with one that was stopped.

    Args:
        cfg: The configuration, as composed from ``conf/``.
        path: The run folder.

    Returns:
        What ``metrics.json`` holds. Of several processes that train together only the first has it;
        the others get an empty one.

    Raises:
        InputError: The configuration or the data are not fit for a run. Nothing was written, unless
            the refinement rule met scores that it cannot judge.
    """
    validate(cfg)
    cfg = with_absolute_paths(cfg)
    config: Any = OmegaConf.to_container(cfg)
    folder, watch, first = RunFolder(path), Stopwatch(), is_first_process(cfg.trainer)
    with folder.locked() if first else nullcontext():
        forced = is_forced(path, config)
        if forced:
            check_ours(path)
        else:
            check_same(path, config)
            if finished_run(path, config):
                raise InputError(f"{path} holds a finished run; set sweep.force=true to replace it")
        inputs = read_inputs(cfg, watch)
        manifest = csv_text(MANIFEST_COLUMNS, manifest_rows(inputs.dataset, inputs.pool))
        checkpoint = None if forced else find_checkpoint(path, manifest)
        if not first:
            _fit(config, folder, watch, inputs, checkpoint)
            return {}

        if forced:
            folder.clear()
        if checkpoint:
            print(f"goes on from the last round in {path}")
        (path / "metrics.json").unlink(missing_ok=True)  # of an attempt that failed
        folder.text("config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
        folder.text("manifest.csv", manifest)
        try:
            metrics = _fit_and_report(config, folder, watch, inputs, checkpoint)
        except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
            folder.json("metrics.json", {"status": "failed", "error": "interrupted"})
            raise KeyboardInterrupt from None
        except Exception as error:
            message = " ".join(str(error).split()) or type(error).__name__
            folder.json("metrics.json", {"status": "failed", "error": message})
            raise
        folder.json("metrics.json", metrics)
    print_summary(metrics, folder.path)
    return metrics


def _fit(
    config: dict[str, Any],
    folder: RunFolder,
    watch: Stopwatch,
    inputs: Inputs,
    checkpoint: Path | None,
    loggers: list[Logger] | None = None,
) -> tuple[Fitted, dict[str, Tensor]]:
    """The detector, and the test scores of its references: what all processes take part in."""
    # Labels reach training in one place, and only for the ceiling: what the oracle leaves out.
    injected = torch.tensor([i in inputs.pool.injected for i in inputs.pool.train], dtype=torch.bool)
    source, pool = inputs.source, inputs.pool
    carried = {
        "model": {k: v for k, v in config["model"].items() if k != "name"} | {"dim": source.dim},
        "extractor": inputs.extractor.export(),
        "n_transforms_test": config["views"]["n_transforms_test"],
    }
    with watch("fit"):
        fitted = fit_detector(
            config,
            source,
            pool,
            carried=carried,
            folder=folder,
            resume=checkpoint,
            scorer=make_scorer(config, inputs.cells, inputs.fold_groups),
            remove_first=injected if config["refine"]["name"] == "oracle" else None,
            loggers=loggers,
        )
    references = {}
    if config["references"]:
        with watch("references"):
            references = fit_references(config, source, pool, carried=carried, injected=injected)
    return fitted, references


def _fit_and_report(
    config: dict[str, Any],
    folder: RunFolder,
    watch: Stopwatch,
    inputs: Inputs,
    checkpoint: Path | None,
) -> dict[str, Any]:
    loggers = make_loggers(config["logger"]["wandb"], folder.path, config, print)
    status = "failed"
    try:
        fitted, references = _fit(config, folder, watch, inputs, checkpoint, loggers)
        with watch("evaluate"):
            results = Results(config, inputs.dataset, inputs.pool, fitted.refinement, references)
            results.write(folder)
        if config["localise"] != 0:
            with watch("localise"):
                found = _localise(config, results.test, fitted, inputs.extractor, inputs.device)
                results = replace(results, found=found)
                results.write_heat_maps(folder)
        results.log(loggers, fitted.trainer.global_step, folder)
        status = "success"
    finally:
        finish_loggers(loggers, status)
    return {
        **results.metrics(),
        "resumed": checkpoint is not None,
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


if __name__ == "__main__":
    # Hydra hands the command to other processes by its module's name, which is not __main__.
    from irp_lightning.sweeps.command_line import main

    main()
