"""Run folders → runs with checked figures."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from irp_lightning.comparison.values import Dataset, Detector, Method, values_of
from irp_lightning.runs.record import Record, Unusable, find_records

__all__ = ["Run", "read_runs"]


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        record: Its files.
        method: The removal method.
        detector: The detector and its features.
        dataset: The images, how they are split and spoilt.
        category: The class.
        noise: As asked for, in [0, 0.5].
        seed: Of the run.
        tested: What it was tested on: one text for one set of images. Of an older run, which does not
            say, that of the runs beside it where it can be told, else how many images they were.
        auroc: Image AUROC on the test set, in [0, 1]; None where the test images are of one kind.
        injected: Defective training images.
        normal: Normal training images.
        removed_bad: How many of the first were removed.
        removed_good: How many of the second were.
        rounds: Rounds of removal.
        seconds: Of all phases; None where they are not told.
    """

    record: Record
    method: Method
    detector: Detector
    dataset: Dataset
    category: str
    noise: float
    seed: int
    tested: str
    auroc: float | None
    injected: int
    normal: int
    removed_bad: int
    removed_good: int
    rounds: int
    seconds: float | None

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.record.folder

    @property
    def images(self) -> Mapping[str, Any]:
        """What it says of its images; older runs say less."""
        return _images(self.record.metrics)

    @property
    def draw(self) -> tuple[Dataset, str, int]:
        """Runs that agree in it are tested on the same images at any noise, if no file changes."""
        return self.dataset, self.category, self.seed

    @property
    def setting(self) -> tuple[Dataset, Detector, str, float, int]:
        """All that was asked for but the method."""
        return self.dataset, self.detector, self.category, self.noise, self.seed

    @property
    def place(self) -> tuple[str, float, int, str]:
        """Runs of a dataset and detector that agree in it make a pair: they saw the same test images."""
        return self.category, self.noise, self.seed, self.tested


def read_runs(folder: Path) -> tuple[list[Run], list[Unusable]]:
    """Read every run folder below a folder, or the folder itself; each list is sorted by path.

    Raises:
        InputError: There is none.
    """
    found = find_records(folder)
    runs, unusable = [], found.unusable
    for record in found.records:
        try:
            runs.append(_run(record))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            unusable.append(Unusable.unreadable(record.folder, error))
    return _with_tested(runs), sorted(unusable, key=lambda other: other.folder)


def _run(record: Record) -> Run:
    config, metrics = record.config, record.metrics
    method, detector, dataset = values_of(config)
    images = _count(metrics, "train_images")
    injected = round(_number(metrics, "noise_achieved") * images)
    seconds = metrics.get("seconds")
    return Run(
        record=record,
        method=method,
        detector=detector,
        dataset=dataset,
        category=str(config["data"]["category"]),
        noise=_number(metrics, "noise_requested"),
        seed=int(config["seed"]),
        tested=str(_images(metrics).get("tested") or metrics.get("test_images", "")),
        auroc=None if metrics["image_auroc"] is None else _number(metrics, "image_auroc"),
        injected=injected,
        normal=images - injected,
        removed_bad=_count(metrics, "removed_bad"),
        removed_good=_count(metrics, "removed_good"),
        rounds=_count(metrics, "rounds"),
        seconds=sum(seconds.values()) if isinstance(seconds, dict) else None,
    )


def _images(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    said = metrics.get("dataset")
    return said if isinstance(said, Mapping) else {}


def _with_tested(runs: Sequence[Run]) -> list[Run]:
    """Give an older run the set of the runs beside it that is as large, if there is one alone."""
    sets: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for run in runs:
        if "tested" in run.images:
            sets[*run.draw, str(run.record.metrics.get("test_images"))].add(run.tested)
    told = []
    for run in runs:
        alike = sets.get((*run.draw, run.tested), set())
        told.append(replace(run, tested=next(iter(alike))) if len(alike) == 1 else run)
    return told


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
