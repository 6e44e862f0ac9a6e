"""What a run leaves behind, written and read in one place."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from irp_lightning.data.config import ContaminationConfig, DataConfig
from irp_lightning.detectors.config import ModelConfig
from irp_lightning.features.config import BackboneConfig
from irp_lightning.foundation.errors import InputError, one_line
from irp_lightning.foundation.fields import plain
from irp_lightning.foundation.names import named_file, printable
from irp_lightning.refinement.config import RefineConfig, effective
from irp_lightning.runs.folder import (
    CHECKPOINT,
    CLEANING,
    CONFIG,
    FIGURES,
    MANIFEST,
    METRICS,
    REMOVED,
    ROUNDS,
    SCORES,
    RunFolder,
    csv_rows,
    csv_text,
    read_json,
)

if TYPE_CHECKING:  # with them comes torch, half a gigabyte that reading has no use for
    from irp_lightning.data.contamination import TrainingPool
    from irp_lightning.data.dataset import Dataset
    from irp_lightning.evaluation.evaluation import Evaluation

__all__ = [
    "CHECKPOINT",
    "CLEANING",
    "CONFIG",
    "MANIFEST",
    "METRICS",
    "REMOVED",
    "ROUNDS",
    "SCORES",
    "Found",
    "Photograph",
    "Record",
    "Unusable",
    "facts",
    "figures_of",
    "find_records",
    "manifest_text",
    "read_config",
    "read_manifest",
    "read_metrics",
    "read_record",
    "write_evaluation",
]

MANIFEST_COLUMNS = ("path", "split", "role", "defect", "label", "group", "file", "mask", "content")

# libyaml's loader is ten times as fast as the one in Python, where it was built.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

INSIDE = ("wandb", "logs", "checkpoints", FIGURES)
"""What lies in a run folder and holds no runs, but may hold files of the same names."""

LONGEST = 500
"""Letters of a reason."""

NO_FIGURES = ("seconds", "resumed", "versions")
"""Of ``metrics.json``: how a run was computed, not what it found."""


def manifest_text(dataset: "Dataset", pool: "TrainingPool", root: Path) -> str:
    """``manifest.csv``: every image and its part in the run.

    With ``overlap`` an injected defect has two rows. ``file`` and ``mask`` are paths relative to the
    root, empty where there is none below it; ``content`` is the file's digest, by which a run that goes
    on knows its images.

    Args:
        dataset: What was read.
        pool: What is trained and tested on.
        root: ``data.root``.
    """

    def row(i: int, split: str, role: str) -> dict[str, Any]:
        sample = dataset.samples[i]
        known = (sample.name, split, role, sample.defect, sample.label, dataset.groups[i])
        files = (_below(root, sample.path), _below(root, sample.mask))
        return dict(zip(MANIFEST_COLUMNS, (*known, *files, dataset.hashes[i]), strict=True))

    rows = [
        *(row(i, "train", "injected" if i in pool.injected else "normal") for i in sorted(pool.train)),
        *(row(i, "test", "held_out" if dataset.samples[i].label else "normal") for i in pool.test),
        *(row(i, "unused", "dropped") for i in pool.dropped),
        *({"path": name, "split": "unused", "role": "skipped"} for name in dataset.skipped),
    ]
    return csv_text(MANIFEST_COLUMNS, rows)


def write_evaluation(folder: RunFolder, evaluation: "Evaluation") -> None:
    """Write the tables and the figures of what a run found out."""
    from irp_lightning.evaluation.tables import REMOVED_COLUMNS, ROUND_COLUMNS, SCORE_COLUMNS
    from irp_lightning.localisation.heat_maps import heat_maps
    from irp_lightning.runs.figures import removed_gallery, roc_curve, score_histograms

    e = evaluation
    folder.csv(ROUNDS, ROUND_COLUMNS, e.round_rows)
    folder.csv(REMOVED, REMOVED_COLUMNS, e.removed_rows)
    folder.csv(SCORES, SCORE_COLUMNS, e.score_rows)
    figures = {
        "scores": score_histograms(e.rounds, e.labels),
        "roc": roc_curve(e.test_scores, e.test_labels),
        "removed": removed_gallery(e.removed_rows, e.train, e.removed_maps, e.depth),
    }
    if e.localisation is not None and e.localisation.names:
        position = {sample.name: i for i, sample in enumerate(e.test)}
        shown = [position[name] for name in e.localisation.names]
        figures["heat_maps"] = heat_maps(e.localisation, e.test_scores[shown])
    for name, figure in figures.items():
        folder.write(f"{FIGURES}/{name}.png", figure.savefig)


def facts(
    *,
    refine: RefineConfig,
    model: ModelConfig,
    backbone: BackboneConfig,
    contamination: ContaminationConfig,
    data: DataConfig,
    noise: float,
    lam: float,
    seed: int,
) -> dict[str, Any]:
    """What ``metrics.json`` repeats of the configuration; ``k`` is None where the method has none."""
    return {
        "method": refine.name,
        "model": model.title,
        "backbone": backbone.name,
        "contamination": contamination.kind,
        "lam": lam,
        "k": effective(plain(refine)).get("k"),
        "category": printable(data.category),
        "seed": seed,
        "noise_requested": noise,
    }


@dataclass(frozen=True)
class Photograph:
    """An image of a run.

    Attributes:
        path: Its file, which may be gone.
        mask: The file or folder of its defect's mask, where there is one.
        depth: What the numbers of a deep image mean, as ``metrics.json`` holds it.
    """

    path: Path
    mask: Path | None
    depth: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """The files of a finished run. Tables are read when they are asked for, as text by column.

    Attributes:
        folder: The run folder.
        config: The resolved configuration, unchecked: it may be of an older version.
        metrics: What ``metrics.json`` holds.
    """

    folder: Path
    config: dict[str, Any]
    metrics: dict[str, Any]

    def manifest(self) -> list[dict[str, str]]:
        """All images; the tables raise OSError or ValueError where they cannot be read."""
        return read_manifest(self.folder)

    def rounds(self) -> list[dict[str, str]]:
        """What happened, round by round."""
        return csv_rows(self.folder / ROUNDS)

    def removed(self) -> list[dict[str, str]]:
        """The removed training images, in the order of their removal."""
        return csv_rows(self.folder / REMOVED)

    def scores(self) -> list[dict[str, str]]:
        """The test images."""
        return csv_rows(self.folder / SCORES)

    def photograph(self, name: str) -> Photograph | None:
        """The file of an image, by its name in the tables, and of its mask.

        None where the manifest does not say where it lies below ``data.root``: one of an older version
        never does.
        """
        return self._photographs.get(name)

    @cached_property
    def _photographs(self) -> dict[str, Photograph]:
        """Read once: a page asks for one after the other."""
        try:
            root = named_file(Path(), str(self.config["data"]["root"])).expanduser()
            files = {row["path"]: (row.get("file"), row.get("mask")) for row in self.manifest()}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        found = {
            name: (_inside(root, file), _inside(root, mask)) for name, (file, mask) in files.items()
        }
        dataset = self.metrics.get("dataset")
        depth = dataset.get("depth", {}) if isinstance(dataset, Mapping) else {}
        return {
            name: Photograph(path, mask, depth)
            for name, (path, mask) in found.items()
            if path is not None
        }


@dataclass(frozen=True)
class Unusable:
    """A run folder that holds no finished run.

    Attributes:
        folder: Where it lies.
        status: ``failed``, ``unfinished`` (stopped, or still running) or ``unreadable``.
        reason: One line.
    """

    folder: Path
    status: str
    reason: str

    @classmethod
    def unreadable(cls, folder: Path, error: Exception) -> "Unusable":
        """One whose files are damaged, or lack what is looked for."""
        reason = (
            f"{error.args[0]} is missing" if isinstance(error, KeyError) else one_line(error, LONGEST)
        )
        return cls(folder, "unreadable", reason)


@dataclass(frozen=True)
class Found:
    """The run folders below a folder, each list sorted by path."""

    records: list[Record]
    unusable: list[Unusable]


def read_config(folder: Path) -> dict[str, Any] | None:
    """The configuration that lies in a folder, unchecked; None where there is none.

    Raises:
        InputError: It cannot be read.
    """
    file = folder / CONFIG
    try:
        return _yaml(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = one_line(error, LONGEST)
        raise InputError(
            f"{file} cannot be read ({reason}); set another run folder, or remove this one"
        ) from error


def read_manifest(folder: Path) -> list[dict[str, str]]:
    """The rows of ``manifest.csv``: every image of a run, as text by column.

    Raises:
        OSError, ValueError: It is not there, or is no table.
    """
    return csv_rows(folder / MANIFEST)


def read_metrics(folder: Path) -> dict[str, Any]:
    """What ``metrics.json`` holds; nothing where there is none, or it cannot be read."""
    return read_json(folder / METRICS)


def read_record(folder: Path) -> Record | Unusable:
    """Read a run folder."""
    if not (folder / METRICS).exists():
        return Unusable(folder, "unfinished", f"stopped, or still running: it has no {METRICS}")
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        if not isinstance(metrics, dict):
            raise ValueError(f"{METRICS} holds no figures")
        if metrics.get("status") == "failed":
            return Unusable(
                folder, "failed", one_line(metrics.get("error") or "no reason given", LONGEST)
            )
        if metrics.get("status") != "complete":
            raise ValueError(f"{METRICS} has the status {metrics.get('status')!r}, not 'complete'")
        return Record(folder, _yaml(folder / CONFIG), metrics)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        return Unusable.unreadable(folder, error)


def find_records(folder: Path) -> Found:
    """Read every run folder below a folder, or the folder itself.

    Raises:
        InputError: There is none.
    """
    found = [read_record(path) for path in sorted(_run_folders(folder))]
    if not found:
        raise InputError(
            f"{folder} holds no run (no {METRICS} or {CONFIG} in it); give a run or sweep folder"
        )
    return Found(
        [record for record in found if isinstance(record, Record)],
        [other for other in found if isinstance(other, Unusable)],
    )


def figures_of(record: Record) -> dict[str, Any]:
    """All that a run found, but for times, versions, whether it was resumed, and where its images lie.

    Equal runs have equal figures.

    Raises:
        OSError: A table is not there.
        ValueError: A table cannot be read.
    """
    tables = {
        "manifest": record.manifest(),
        "rounds": record.rounds(),
        "removed": record.removed(),
        "scores": record.scores(),
    }
    return {
        **{key: value for key, value in record.metrics.items() if key not in NO_FIGURES},
        **{name: [_without(row, "seconds", "file", "mask") for row in t] for name, t in tables.items()},
    }


def _not_listed(error: OSError) -> None:
    if isinstance(error, PermissionError):  # others: it is not there, or no folder
        raise error


def _run_folders(folder: Path) -> Iterator[Path]:
    for place, inner, files in os.walk(folder, onerror=_not_listed):
        if METRICS in files or CONFIG in files:
            # W&B keeps a config.yaml of its own, further down.
            inner[:] = [name for name in inner if name not in INSIDE]
            yield Path(place)


def _yaml(file: Path) -> dict[str, Any]:
    content = yaml.load(file.read_text(encoding="utf-8"), LOADER)  # a safe loader
    if not isinstance(content, dict):
        raise ValueError(f"{file.name} holds no configuration")
    return content


def _without(row: Mapping[str, str], *columns: str) -> dict[str, str]:
    return {key: value for key, value in row.items() if key not in columns}


def _below(root: Path, path: Path | None) -> str:
    if path is None or not path.is_relative_to(root):
        return ""
    return printable(path.relative_to(root).as_posix())


def _inside(root: Path, name: str | None) -> Path | None:
    """A file by its path relative to the root; None where a table from elsewhere leads out of it."""
    relative = PurePosixPath(name or "")
    led_out = relative.is_absolute() or ".." in relative.parts
    return named_file(root, name or "") if relative.name and not led_out else None
