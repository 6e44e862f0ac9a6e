"""The command line of ``python -m irp_lightning.run``: one run, or the cells of a sweep."""

import importlib.util
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from irp_lightning.config.compose import check_names, checked
from irp_lightning.config.overrides import check_overrides
from irp_lightning.foundation.errors import InputError, one_line, refused_by_the_system
from irp_lightning.foundation.fields import plain
from irp_lightning.foundation.pipes import until_the_reader_leaves
from irp_lightning.foundation.processes import local_rank
from irp_lightning.foundation.quiet import quiet
from irp_lightning.runs.session import finished_run
from irp_lightning.runs.summary import print_summary
from irp_lightning.sweeps.cells import cell_name
from irp_lightning.sweeps.idle import idle_overrides, key_of
from irp_lightning.sweeps.launchers import check_launcher
from irp_lightning.sweeps.made import remove_if_made
from irp_lightning.sweeps.outcomes import note, print_outcomes

__all__ = ["complete_run", "run_command", "run_job"]

EXTRAS = {
    "hydra/launcher=ray": ("ray", "ray"),
    "hydra/launcher=slurm": ("slurm", "submitit"),
    "hydra/sweeper=optuna": ("optuna", "hydra_plugins.hydra_optuna_sweeper"),
}
"""What an override begins with, the extra that it needs, and a module of that extra."""

Run = Callable[[DictConfig, Path], dict[str, Any]]


def _named_cell(overrides: Sequence[str], *, _root_: DictConfig) -> str:
    idle = idle_overrides(overrides, _root_.refine)
    return cell_name([override for override in overrides if override not in idle])


# Names of cells, in conf/config.yaml; Hydra hands resolvers on to the processes of its launchers.
OmegaConf.register_new_resolver("cell_name", _named_cell, replace=True)


def run_command(job: Callable[[], Any]) -> None:
    """The command as a whole; after a sweep, one line for each cell.

    Args:
        job: What ``hydra.main`` made.
    """
    _check_extras(sys.argv[1:])
    try:
        check_overrides(sys.argv[1:])
        check_names(sys.argv[1:])
        _check_output(sys.argv[1:])
    except InputError as error:
        raise SystemExit(f"irp_lightning: {error}") from None
    with until_the_reader_leaves():
        try:
            job()
        except KeyboardInterrupt:  # while a launcher waits
            print("irp_lightning: interrupted; the same command resumes", file=sys.stderr)
            raise SystemExit(130) from None
        finally:
            good = print_outcomes()
    if not good:  # a search continues after trials that failed, and ends as if nothing had
        raise SystemExit(1)


def run_job(cfg: DictConfig, run: Run) -> float:
    """One run of a command, unless its folder holds it already.

    Args:
        cfg: The composed configuration.
        run: The recipe.

    Returns:
        What a sweeper that searches maximises; NaN where a run has no such figure.
    """
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    in_sweep = job.mode == RunMode.MULTIRUN
    outcome: dict[str, Any] = {"status": "failed"}
    try:
        with refused_by_the_system(), until_the_reader_leaves():
            if in_sweep:
                check_launcher(cfg.trainer, job.launcher)
            else:
                _check_idle(job.overrides.task, cfg)
            metrics: Mapping[str, Any] | None = complete_run(folder, cfg)
            if metrics is not None:
                print(f"skipped, already complete: {folder}")
                outcome = {"status": "skipped"}
            else:
                with quiet():
                    metrics = run(cfg, folder)
                if metrics:  # of several processes the first has them
                    print_summary(metrics, folder)
                outcome = {"status": "complete"}
            value = metrics.get(cfg.sweep.objective)
            return math.nan if value is None else float(value)
    except InputError as error:
        outcome["error"] = str(error)
        if not in_sweep:
            raise SystemExit(f"irp_lightning: {error}") from None
        # The other cells go on; Hydra prints this without a traceback at the end.
        raise CompactHydraException(f"irp_lightning: {error}") from None
    except SystemExit:
        outcome["error"] = "the reader of its output exited"
        raise
    except KeyboardInterrupt:
        outcome["error"] = "interrupted"
        print(
            "irp_lightning: interrupted; finished rounds and features are kept",
            file=sys.stderr,
        )
        raise SystemExit(130) from None
    except Exception as error:
        outcome["error"] = one_line(error)
        raise
    finally:
        if in_sweep and (local_rank() == 0 or cfg.trainer.get("strategy") != "ddp"):
            note(folder, cfg.sweep.command, outcome)
        remove_if_made(folder)


def complete_run(folder: Path, cfg: DictConfig) -> dict[str, Any] | None:
    """The figures of a run that this command need not compute; None where it must.

    Raises:
        InputError: The configuration is wrong, or the folder holds another run.
    """
    return finished_run(folder, plain(checked(cfg)))


def _check_extras(arguments: Sequence[str]) -> None:
    """Hydra would name the choice that is missing, and not what to install."""
    for given in arguments:
        argument = given.lstrip("+").replace('"', "").replace("'", "")
        for start, (extra, module) in EXTRAS.items():
            if argument.startswith(start) and not _is_installed(module):
                raise SystemExit(
                    f"irp_lightning: {argument} needs the extra {extra}; "
                    f"pip install 'irp-lightning[{extra}]'"
                )


def _check_output(arguments: Sequence[str]) -> None:
    """Hydra makes the folder of a run before it calls it, and would leave a traceback."""
    keys = ("hydra.run.dir", "hydra.sweep.dir")
    told = [value for key, _, value in (a.partition("=") for a in arguments) if key in keys]
    folder = Path(told[-1].strip("'\"") if told else "outputs").absolute()
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110
    if not there.is_dir():
        raise InputError(f"{there} is not a folder; give the results another by hydra.run.dir=FOLDER")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"{there} is not writable; give the results another folder by hydra.run.dir=FOLDER"
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _check_idle(overrides: Sequence[str], cfg: DictConfig) -> None:
    for override in idle_overrides(overrides, cfg.refine):
        raise InputError(
            f"{override} has no effect with refine={cfg.refine.name}: nothing that it removes depends "
            f"on {key_of(override)}; leave it out"
        )
