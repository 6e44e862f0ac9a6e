"""Runs as their folders tell of them: finished ones, and what is none."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from irp_lightning.foundation.errors import InputError, one_line
from irp_lightning.foundation.names import named_file
from irp_lightning.runs.folder import (
    CONFIG,
    FIGURES,
    METRICS,
    REMOVED,
    ROUNDS,
    SCORES,
    RunFolder,
    csv_rows,
    read_json,
)
from irp_lightning.runs.manifest import read_manifest

__all__ = [
    "Found",
    "Photograph",
    "Record",
    "Unusable",
    "figures_of",
    "find_records",
    "read_config",
    "read_metrics",
    "read_record",
    "write_config",
]

# libyaml's loader is ten times as fast as the one in Python, where it was built.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

INSIDE = ("wandb", "logs", "checkpoints", FIGURES)
"""What lies in a run folder and holds no runs, but may hold files of the same names."""

LONGEST = 500
"""Letters of a reason."""

NO_FIGURES = ("seconds", "resumed", "versions")
"""Of ``metrics.json``: how a run was computed, not what it found."""

DERIVED = ("removed", "unlabelled_images")
"""Counts that follow from other figures, and that older versions do not write."""


@dataclass(frozen=True)
class Photograph:
    """An image of a run.

    Attributes:
        path: Its file, which may be gone.
        mask: The file or folder of its defect's mask, where there is one.
        bit_depth: What the numbers of a deep image mean, as ``metrics.json`` holds it.
    """

    path: Path
    mask: Path | None
    bit_depth: Mapping[str, int] = field(default_factory=dict)


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
        """The rounds of the run."""
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
        facts = dataset if isinstance(dataset, Mapping) else {}
        bit_depth = facts.get("bit_depth", facts.get("depth", {}))  # its older name
        return {
            name: Photograph(path, mask, bit_depth)
            for name, (path, mask) in found.items()
            if path is not None
        }


@dataclass(frozen=True)
class Unusable:
    """A run folder that holds no finished run.

    Attributes:
        folder: Where it lies.
        status: ``failed``, ``unfinished`` (stopped, or still running), ``unreadable``, or ``unlabelled``
            where runs are compared by their labels.
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


def write_config(folder: RunFolder, config: Mapping[str, Any]) -> None:
    """Write the configuration of a run, as plain values."""
    folder.text(CONFIG, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read ``metrics.json``; empty if it is missing or cannot be read."""
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
        **{k: v for k, v in record.metrics.items() if k not in (*NO_FIGURES, *DERIVED)},
        **{
            name: [_without(row, "seconds", "file", "mask", *DERIVED) for row in t]
            for name, t in tables.items()
        },
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


def _inside(root: Path, name: str | None) -> Path | None:
    """A file by its path relative to the root; None where a table from elsewhere leads out of it."""
    relative = PurePosixPath(name or "")
    led_out = relative.is_absolute() or ".." in relative.parts
    return named_file(root, name or "") if relative.name and not led_out else None
