"""Run folders → runs with checked figures."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from irp_lightning.comparison.budget import Budget, budget_of
from irp_lightning.comparison.values import Dataset, Detector, Method, values_of
from irp_lightning.runs.record import Record, Unusable, find_records

__all__ = ["Run", "read_runs"]

UNLABELLED = "its training images are unlabelled: its noise, and which removals are right, are not known"


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
        trained: What it was trained on, before anything was removed: one text for one set of images. Of
            an older run, which does not say, that of the runs beside it where it can be told, else how
            many images they were.
        tested: What it was tested on, likewise.
        auroc: Image AUROC on the test set, in [0, 1]; None where the test images are of one kind.
        injected: Defective training images.
        normal: Normal training images.
        removed_bad: How many of the first were removed.
        removed_good: How many of the second were.
        rounds: Rounds of removal.
        budget: How long its detector was trained, and why its refinement ended.
        seconds: Of all phases; None where they are not told.
    """

    record: Record
    method: Method
    detector: Detector
    dataset: Dataset
    category: str
    noise: float
    seed: int
    trained: str
    tested: str
    auroc: float | None
    injected: int
    normal: int
    removed_bad: int
    removed_good: int
    rounds: int
    budget: Budget
    seconds: float | None

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.record.folder

    @property
    def has_matched_references(self) -> bool:
        """True if vanilla and the oracle were trained for as many epochs as the detector."""
        return bool(self.record.config.get("references") == "matched")

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
    def seen(self) -> tuple[str, str]:
        """The images that it was trained and tested on."""
        return self.trained, self.tested

    @property
    def place(self) -> tuple[str, float, int, tuple[str, str]]:
        """Runs of a dataset and detector that agree in it make a pair: they saw the same images."""
        return self.category, self.noise, self.seed, self.seen


def read_runs(folder: Path) -> tuple[list[Run], list[Unusable]]:
    """Read every run folder below a folder, or the folder itself; each list is sorted by path.

    Raises:
        InputError: There is none.
    """
    found = find_records(folder)
    runs, unusable = [], found.unusable
    for record in found.records:
        if record.metrics.get("noise_achieved", 0) is None:
            unusable.append(Unusable(record.folder, "unlabelled", UNLABELLED))
            continue
        try:
            runs.append(_run(record))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            unusable.append(Unusable.unreadable(record.folder, error))
    runs = _with_sets(runs, "tested", lambda run: run.draw)
    # Within one test set: where that changed, the images that are injected did, too.
    runs = _with_sets(runs, "trained", lambda run: (run.draw, run.noise, run.tested))
    return runs, sorted(unusable, key=lambda other: other.folder)


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
        trained=str(_images(metrics).get("trained") or images),
        tested=str(_images(metrics).get("tested") or metrics.get("test_images", "")),
        auroc=None if metrics["image_auroc"] is None else _number(metrics, "image_auroc"),
        injected=injected,
        normal=images - injected,
        removed_bad=_count(metrics, "removed_bad"),
        removed_good=_count(metrics, "removed_good"),
        rounds=_count(metrics, "rounds"),
        budget=budget_of(config, metrics),
        seconds=sum(seconds.values()) if isinstance(seconds, dict) else None,
    )


def _images(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    said = metrics.get("dataset")
    return said if isinstance(said, Mapping) else {}


def _with_sets(runs: Sequence[Run], key: str, beside: Callable[[Run], Hashable]) -> list[Run]:
    """Give an older run the set of the runs beside it that is as large, if there is one alone.

    Args:
        runs: All of them.
        key: ``trained`` or ``tested``.
        beside: What runs that may share a set agree in.
    """
    size = {"trained": "train_images", "tested": "test_images"}[key]
    sets: dict[Hashable, set[str]] = defaultdict(set)
    for run in runs:
        if key in run.images:
            sets[beside(run), str(run.record.metrics.get(size))].add(getattr(run, key))
    told = []
    for run in runs:
        alike = sets.get((beside(run), getattr(run, key)), set())
        theirs: dict[str, Any] = {key: next(iter(alike))} if len(alike) == 1 else {}
        told.append(replace(run, **theirs))
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
