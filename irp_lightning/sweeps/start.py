"""Checks before a command's first run: a sweep that cannot succeed is refused."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from irp_lightning.foundation.errors import InputError
from irp_lightning.sweeps.cells import list_cells
from irp_lightning.sweeps.idle import KNOBS, idle_overrides, key_of
from irp_lightning.sweeps.launchers import check_launcher
from irp_lightning.sweeps.made import remember
from irp_lightning.sweeps.outcomes import Sweep, expect

__all__ = ["CommandStart"]


class CommandStart(Callback):
    """Hydra callback: checks a sweep's launcher and cells, and says where they lie."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember which folders are there."""
        remember(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check, and remember what cells there should be.

        Raises:
            SystemExit: With one line; Hydra would swallow any other exception here.
        """
        folder = Path(config.hydra.sweep.dir)
        remember(folder)
        try:
            check_launcher(config.trainer, config.hydra.launcher)
            cells = _planned(config.hydra)
        except InputError as error:
            raise SystemExit(f"irp_lightning: {error}") from None
        if cells is None and not str(config.hydra.sweeper._target_).endswith(".BasicSweeper"):
            print(
                f"sweep.objective={config.sweep.objective}: this search uses the test labels. Its "
                "result is tuned on the test set and is not valid."
            )
        print(f"sweep folder {folder}" + (f", {len(cells)} cells" if cells else ""))
        # Looked up here, it is the same for all cells.
        expect(Sweep(folder, config.sweep.command, cells))


def _planned(config: DictConfig) -> dict[str, list[list[str]]] | None:
    """The cells by folder; None where they are found on the way, as by a sweeper that searches."""
    sweep: Any = OmegaConf.to_container(config.sweep, resolve=False)
    task = list(config.overrides.task)
    params = [f"{key}={value}" for key, value in (config.sweeper.params or {}).items()]
    if any("${" in override for override in task):  # known in each cell alone
        return None
    find = lru_cache(maxsize=None)(_idle_keys)

    def idle(job: Sequence[str]) -> list[str]:
        keys = find(config.job.config_name, tuple(o for o in job if _matters(key_of(o))))
        return [override for override in job if key_of(override) in keys]

    if not str(config.sweeper._target_).endswith(".BasicSweeper"):
        for override in idle([*task, *(f"{key_of(p)}=1" for p in params)]):
            raise InputError(f"{key_of(override)} has no effect on this method; search something else")
        return None
    if "cell_name" not in sweep["subdir"]:
        return None
    return list_cells([*params, *task], idle)


def _matters(key: str) -> bool:
    return key in (*KNOBS, "experiment") or key.startswith("refine")


def _idle_keys(config_name: str, overrides: tuple[str, ...]) -> frozenset[str]:
    try:
        refine = hydra.compose(config_name, overrides=list(overrides)).refine
    except Exception:  # the cell itself will say what is wrong with it
        return frozenset()
    return frozenset(map(key_of, idle_overrides(overrides, refine)))
