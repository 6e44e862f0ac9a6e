"""What a run folder holds already, and whether this run may go on from it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from irp_lightning.errors import InputError

__all__ = ["CHECKPOINT", "check_ours", "check_same", "find_checkpoint", "finished_run"]

CHECKPOINT = "checkpoints/last.ckpt"

ANYWHERE = (
    *("cache_dir", "logger", "sweep", "checkpoint_seconds", "features.workers"),
    *("features.memory_limit_gb", "trainer.accelerator", "trainer.devices", "trainer.strategy"),
)
"""Keys that say where and how a run is computed and kept, not what: they may change on the way."""


def finished_run(folder: Path, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The metrics of a folder whose run is complete; None where there is none, or not yet.

    Args:
        folder: The run folder.
        config: The resolved configuration.

    Raises:
        InputError: The folder holds a run of another configuration.
    """
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(metrics, dict) or metrics.get("status") != "complete":
        return None
    check_same(folder, config)
    return metrics


def check_same(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a folder that holds a run of another configuration.

    Raises:
        InputError: It does; the message names the first values that differ.
    """
    saved = _saved(folder)
    if saved is None:
        return
    before, now = dict(_flat(saved)), dict(_flat(config))
    changed = [k for k in {**now, **before} if before.get(k) != now.get(k) and not _anywhere(k)]
    if changed:
        key, more = changed[0], f" and {len(changed) - 1} more differ" if len(changed) > 1 else ""
        raise InputError(
            f"{folder} holds a run with {key}={before.get(key)}, not {now.get(key)}{more}; set another "
            "folder (hydra.run.dir, or sweep.name in a sweep), or sweep.force=true to replace it"
        )


def check_ours(folder: Path) -> None:
    """Refuse to replace what is no run.

    Raises:
        InputError: The folder has a ``config.yaml`` of something else.
    """
    saved = _saved(folder)
    if saved is not None and not {"refine", "contamination", "backbone"} <= saved.keys():
        raise InputError(f"{folder}/config.yaml is not a run's; set another run folder (hydra.run.dir)")


def _saved(folder: Path) -> dict[str, Any] | None:
    file = folder / "config.yaml"
    try:
        saved = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, yaml.YAMLError):
        saved = None
    if not isinstance(saved, dict):
        raise InputError(f"{file} cannot be read; set another run folder, or remove that file")
    return saved


def find_checkpoint(folder: Path, manifest: str) -> Path | None:
    """The checkpoint to go on from, if one was kept.

    Args:
        folder: The run folder.
        manifest: ``manifest.csv`` as it would be written now.

    Raises:
        InputError: The images are not those that the checkpoint was made with.
    """
    checkpoint = folder / CHECKPOINT
    if not checkpoint.is_file():
        return None
    file = folder / "manifest.csv"
    if not file.is_file() or file.read_text(encoding="utf-8") != manifest:
        raise InputError(
            f"{folder} was stopped half-way, and the images have changed since (manifest.csv); "
            "set sweep.force=true to begin anew"
        )
    return checkpoint


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _anywhere(key: str) -> bool:
    return any(key == other or key.startswith(f"{other}.") for other in ANYWHERE)
