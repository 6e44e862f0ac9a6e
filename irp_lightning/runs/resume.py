"""What a run folder holds already, and whether this run may go on from it."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from irp_lightning.foundation.errors import InputError
from irp_lightning.config.paths import with_absolute_paths
from irp_lightning.runs.run_folder import read_json

__all__ = [
    "CHECKPOINT",
    "check_ours",
    "check_same",
    "find_checkpoint",
    "finished_run",
    "is_failure",
    "is_forced",
]

CHECKPOINT = "checkpoints/last.ckpt"

RESULTS = ("checkpoints", "manifest.csv", "rounds.csv", "removed.csv", "scores.csv", "figures")

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
    metrics = read_json(folder / "metrics.json")
    if metrics.get("status") != "complete":
        return None
    check_same(folder, config)
    return metrics


def settled_run(folder: Path, cfg: DictConfig) -> dict[str, Any] | None:
    """The metrics of a cell that this command need not compute; None where it must.

    Raises:
        InputError: The folder holds a run of another configuration.
    """
    config: Any = OmegaConf.to_container(with_absolute_paths(cfg))
    return None if is_forced(folder, config) else finished_run(folder, config)


def check_same(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a folder that holds a run of another configuration.

    Raises:
        InputError: It does; the message names the first values that differ.
    """
    saved = check_ours(folder)
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


def check_ours(folder: Path) -> dict[str, Any] | None:
    """Refuse to write where files lie that are not a run's.

    Returns:
        The configuration of the run that is there; None where there is none.

    Raises:
        InputError: There is a ``config.yaml`` of something else, or a file of a run's name without one.
    """
    saved = _saved(folder)
    if saved is None:
        found = next((name for name in RESULTS if (folder / name).exists()), None)
        if found is None and (folder / "metrics.json").exists() and not is_failure(folder):
            found = "metrics.json"
        if found:
            raise InputError(
                f"{folder} holds {found} and no config.yaml of a run; set another run folder "
                "(hydra.run.dir, or hydra.sweep.dir in a sweep)"
            )
    elif not {"refine", "contamination", "backbone"} <= saved.keys():
        raise InputError(f"{folder}/config.yaml is not a run's; set another run folder (hydra.run.dir)")
    return saved


def is_failure(folder: Path) -> bool:
    """Whether all that ``metrics.json`` says is that a run failed."""
    return read_json(folder / "metrics.json").keys() == {"status", "error"}


def is_forced(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a run is to begin anew, whatever its folder holds: once for each command.

    A process that takes over from one that died, as Slurm and Ray start them, is of the same command.
    """
    sweep = config["sweep"]
    saved = _saved(folder) if sweep["force"] else None
    return sweep["force"] and (saved or {}).get("sweep", {}).get("command") != sweep["command"]


def _saved(folder: Path) -> dict[str, Any] | None:
    file = folder / "config.yaml"
    try:
        saved = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, yaml.YAMLError):
        saved = None
    if not isinstance(saved, dict):
        raise InputError(f"{file} cannot be read; set another run folder, or remove this one")
    return saved


def find_checkpoint(folder: Path, manifest: str) -> Path | None:
    """The checkpoint to go on from, if one was kept and is whole.

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
    if not zipfile.is_zipfile(checkpoint):
        print(f"{checkpoint} is damaged: the run begins anew")
        return None
    return checkpoint


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _anywhere(key: str) -> bool:
    return any(key == other or key.startswith(f"{other}.") for other in ANYWHERE)
