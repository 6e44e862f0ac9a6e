"""``python -m irp_lightning.run``: one run, or a cell of a sweep, as Hydra starts it."""

import importlib.util
import logging
import math
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from irp_lightning.sweeps.cells import cell_name
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.processes import is_first_process
from irp_lightning.runs.resume import settled_run
from irp_lightning.sweeps.sweep import check_launcher, print_outcomes, record

__all__ = ["CONF", "main"]

_HERE = Path(__file__).parent.parent
# In a wheel the configuration lies inside the package; in a checkout beside it.
CONF = _HERE / "conf" if (_HERE / "conf").is_dir() else _HERE.parent / "conf"

EXTRAS = {
    "hydra/launcher=ray": ("ray", "ray"),
    "hydra/launcher=slurm": ("slurm", "submitit"),
    "hydra/sweeper=optuna": ("optuna", "hydra_plugins.hydra_optuna_sweeper"),
}
"""What an override begins with, the extra that it needs, and a module of that extra."""

# Names of cells, in conf/config.yaml; Hydra hands resolvers on to the processes of its launchers.
OmegaConf.register_new_resolver("cell_name", cell_name, replace=True)


def main() -> None:
    """The command line; after a sweep, one line for each cell."""
    _check_extras(sys.argv[1:])
    try:
        _hydra_main()
    except KeyboardInterrupt:  # while a launcher waits
        print("irp_lightning: interrupted; the same command goes on", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        good = print_outcomes()
    if not good:  # a search goes on past trials that failed, and ends as if nothing had
        raise SystemExit(1)


def _check_extras(arguments: list[str]) -> None:
    """Hydra would name the choice that is missing, and not what to install."""
    for given in arguments:
        argument = given.lstrip("+").replace('"', "").replace("'", "")
        for start, (extra, module) in EXTRAS.items():
            if argument.startswith(start) and not _is_installed(module):
                raise SystemExit(
                    f"irp_lightning: {argument} needs the extra {extra}; "
                    f"pip install 'irp-lightning[{extra}]'"
                )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def _hydra_main(cfg: DictConfig) -> float:
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    in_sweep = job.mode == RunMode.MULTIRUN
    outcome: dict[str, Any] = {"status": "failed"}
    try:
        if in_sweep:
            check_launcher(cfg.trainer, job.launcher)
        metrics = settled_run(folder, cfg)
        if metrics is not None:
            print(f"skipped, it is complete: {folder}")
            outcome = {"status": "skipped"}
        else:
            metrics = _run(cfg, folder)
            outcome = {"status": "complete"}
        return _objective(metrics, cfg.sweep.objective)
    except InputError as error:
        outcome["error"] = str(error)
        if not in_sweep:
            raise SystemExit(f"irp_lightning: {error}") from None
        # The other cells go on; Hydra prints this without a traceback at the end.
        raise CompactHydraException(f"irp_lightning: {error}") from None
    except KeyboardInterrupt:
        outcome["error"] = "interrupted"
        print(
            "irp_lightning: interrupted; finished rounds and features are kept",
            file=sys.stderr,
        )
        raise SystemExit(130) from None
    except Exception as error:
        outcome["error"] = " ".join(str(error).split()) or type(error).__name__
        raise
    finally:
        if in_sweep and is_first_process(cfg.trainer):
            record(folder, cfg.sweep.command, outcome)
        _remove_if_empty(folder)


def _run(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    # Here and not above: --help and cells that are complete need not wait for torch.
    from irp_lightning.run import run

    _quiet()
    return run(cfg, folder)


def _objective(metrics: Mapping[str, Any], name: str) -> float:
    """What a sweeper that searches maximises; NaN where a run has no such figure."""
    value = metrics.get(name)
    return math.nan if value is None else float(value)


def _quiet() -> None:
    """Silence what Lightning says about things that are as they should be here."""
    for library in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*CSVLogger.*|.*Experiment logs directory.*",
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
        ".*configure_optimizers` returned `None`.*",  # detectors that one pass fits
        ".*not been set for this class \\(_ResultMetric\\).*",
        ".*`srun` command is available.*",  # a sweep's launcher submits jobs, not srun
    ):
        warnings.filterwarnings("ignore", message)


def _remove_if_empty(folder: Path) -> None:
    """Hydra makes the run folder before anything is checked: take it, and its parents here, back."""
    here = Path.cwd()
    for path in (folder, *folder.parents):
        if path == here or (path != folder and here not in path.parents):  # somebody's own
            return
        try:
            path.rmdir()
        except OSError:
            return
