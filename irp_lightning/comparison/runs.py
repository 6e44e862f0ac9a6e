"""Run folders → runs: what is finished, and what is not and why."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from irp_lightning.comparison.settings import Settings, dataset_of, detector_of, method_of
from irp_lightning.foundation.errors import InputError

__all__ = ["Found", "Run", "Unusable", "read_runs"]

# libyaml's loader is ten times as fast as the one in Python, where it was built.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

INSIDE = ("wandb", "logs", "checkpoints", "figures")
"""What lies in a run folder and holds no runs, but may hold files of the same names."""


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        folder: Where it lies.
        method: The removal method's name, with its settings.
        detector: The detector's and the backbone's names, with their settings.
        dataset: The reader's and the root's names, with split, groups and contamination.
        root: The images' root folder, as configured.
        category: The class.
        noise: As asked for, in [0, 0.5].
        seed: Of the run.
        auroc: Image AUROC on the test set, in [0, 1]; None where the test images are of one kind.
        injected: Defective training images.
        normal: Normal training images.
        removed_bad: How many of the first were removed.
        removed_good: How many of the second were.
        rounds: Rounds of removal.
        seconds: Of all phases.
    """

    folder: Path
    method: tuple[str, Settings]
    detector: tuple[str, str, Settings]
    dataset: tuple[str, str, Settings]
    root: str
    category: str
    noise: float
    seed: int
    auroc: float | None
    injected: int
    normal: int
    removed_bad: int
    removed_good: int
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Unusable:
    """A run folder that is not compared.

    Attributes:
        folder: Where it lies.
        status: ``failed``, ``unfinished`` (stopped, or still running) or ``unreadable``.
        reason: One line.
    """

    folder: Path
    status: str
    reason: str


@dataclass(frozen=True)
class Found:
    """The run folders below a folder, each list sorted by path."""

    runs: list[Run]
    unusable: list[Unusable]


def read_runs(folder: Path) -> Found:
    """Read every run folder below a folder (or the folder itself).

    Raises:
        InputError: There is none.
    """
    runs, unusable = [], []
    for path in sorted(_run_folders(folder)):
        run = _read(path)
        if isinstance(run, Run):
            runs.append(run)
        else:
            unusable.append(run)
    if not runs and not unusable:
        raise InputError(
            f"{folder} holds no run (no metrics.json or config.yaml in it); give a run or sweep folder"
        )
    return Found(runs, unusable)


def _run_folders(folder: Path) -> Iterator[Path]:
    for place, inner, files in os.walk(folder):
        if "metrics.json" in files or "config.yaml" in files:
            # W&B keeps a config.yaml of its own, further down.
            inner[:] = [name for name in inner if name not in INSIDE]
            yield Path(place)


def _read(folder: Path) -> Run | Unusable:
    if not (folder / "metrics.json").exists():
        return Unusable(folder, "unfinished", "stopped, or still running: it has no metrics.json")
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        if not isinstance(metrics, dict):
            raise ValueError("metrics.json holds no figures")
        if metrics.get("status") == "failed":
            return Unusable(folder, "failed", _line(metrics.get("error") or "no reason given"))
        if metrics.get("status") != "complete":
            raise ValueError(f"metrics.json has the status {metrics.get('status')!r}, not 'complete'")
        text = (folder / "config.yaml").read_text(encoding="utf-8")
        config = yaml.load(text, LOADER)  # a safe loader
        if not isinstance(config, dict):
            raise ValueError("config.yaml holds no configuration")
        return _run(folder, metrics, config)
    except KeyError as error:
        return Unusable(folder, "unreadable", f"{error.args[0]} is missing")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        return Unusable(folder, "unreadable", _line(error))


def _run(folder: Path, metrics: Mapping[str, Any], config: Mapping[str, Any]) -> Run:
    images = _count(metrics, "train_images")
    injected = round(_number(metrics, "noise_achieved") * images)
    seconds = metrics.get("seconds")
    return Run(
        folder=folder,
        method=method_of(config),
        detector=detector_of(config),
        dataset=dataset_of(config),
        root=str(config["data"]["root"]),
        category=str(config["data"]["category"]),
        noise=_number(metrics, "noise_requested"),
        seed=int(config["seed"]),
        auroc=None if metrics["image_auroc"] is None else _number(metrics, "image_auroc"),
        injected=injected,
        normal=images - injected,
        removed_bad=_count(metrics, "removed_bad"),
        removed_good=_count(metrics, "removed_good"),
        rounds=_count(metrics, "rounds"),
        seconds=sum(seconds.values()) if isinstance(seconds, dict) else math.nan,
    )


def _number(metrics: Mapping[str, Any], key: str) -> float:
    value = metrics[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"metrics.json: {key} is {value!r}, not a number")
    return float(value)


def _count(metrics: Mapping[str, Any], key: str) -> int:
    value = _number(metrics, key)
    if value != int(value) or value < 0:
        raise ValueError(f"metrics.json: {key} is {value!r}, not a count")
    return int(value)


def _line(reason: object) -> str:
    return " ".join(str(reason).split())[:500] or type(reason).__name__
