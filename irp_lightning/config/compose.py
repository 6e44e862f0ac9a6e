"""Where the configuration's files lie, and how one becomes a checked :class:`Experiment`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from irp_lightning.config.checks import load_experiment
from irp_lightning.config.experiment import Experiment
from irp_lightning.config.overrides import check_overrides
from irp_lightning.data.default_root import default_root
from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["CONF", "checked", "composed"]

_PACKAGE = Path(__file__).parent.parent
# In a wheel the configuration lies inside the package; in a checkout beside it.
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"

# Roots in conf/data/; Hydra hands resolvers on to the processes of its launchers.
OmegaConf.register_new_resolver("data_root", default_root, replace=True)


def composed(overrides: Sequence[str]) -> DictConfig:
    """The configuration with some overrides, for commands that Hydra does not start.

    Raises:
        InputError: An override cannot be read, or names what there is not.
    """
    check_overrides(overrides)
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(one_line(error)) from error


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
