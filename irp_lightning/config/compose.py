"""Composition of ``conf/`` and overrides into a checked :class:`Experiment`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from irp_lightning.config.checks import load_experiment
from irp_lightning.config.experiment import Experiment
from irp_lightning.config.files import CONF
from irp_lightning.config.overrides import check_overrides, without_sweeps
from irp_lightning.config.unknown import refusal
from irp_lightning.data.fetch.default_root import default_root
from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["CONF", "check_names", "checked", "composed"]

# Roots in conf/data/; Hydra hands resolvers on to the processes of its launchers.
OmegaConf.register_new_resolver("data_root", default_root, replace=True)


def composed(overrides: Sequence[str]) -> DictConfig:
    """The configuration with some overrides, for commands that Hydra does not start, and for Python.

    A Hydra application that calls it is left as it was.

    Raises:
        InputError: An override cannot be read, or names what there is not.
    """
    check_overrides(overrides)
    try:
        job = JobRuntime.instance().get("name")
        with _beside_a_callers(), initialize_config_dir(str(CONF), job_name=job, version_base="1.3"):
            return compose("config", list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(refusal(error, overrides)) from error


def check_names(arguments: Sequence[str]) -> None:
    """Refuse keys and choices that there are not, before Hydra starts.

    Args:
        arguments: Of a command line that Hydra reads. With a configuration of the user's own nothing is
            checked here.

    Raises:
        InputError: A key or a choice is unknown.
    """
    if not any(argument.startswith(("-c", "--config")) for argument in arguments):
        for overrides in without_sweeps(arguments):
            composed(overrides)


@contextmanager
def _beside_a_callers() -> Iterator[None]:
    """Put away what Hydra holds for the whole process: an application of the caller's may be running."""
    hydra, version_base = GlobalHydra.instance().hydra, VersionBase.instance().version_base
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = hydra
        VersionBase.instance().version_base = version_base


def checked(cfg: DictConfig) -> Experiment:
    """A composed configuration, checked.

    Raises:
        InputError: See :func:`irp_lightning.config.checks.load_experiment`; or a value is not set,
            or refers to one that there is not.
    """
    try:
        missing = sorted(OmegaConf.missing_keys(cfg))
        if missing:
            raise InputError(
                f"{missing[0]} is not set; give it on the command line, as {missing[0]}=VALUE"
            )
        values: Any = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:  # ${...} of what there is not
        raise InputError(one_line(error)) from error
    return load_experiment(values)
