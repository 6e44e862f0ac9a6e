"""Where the configuration's files lie, and how one becomes a checked :class:`Experiment`."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from irp_lightning.config.checks import load_experiment
from irp_lightning.config.experiment import Experiment
from irp_lightning.foundation.errors import InputError

__all__ = ["CONF", "checked"]

_PACKAGE = Path(__file__).parent.parent
# In a wheel the configuration lies inside the package; in a checkout beside it.
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"


def checked(cfg: DictConfig) -> Experiment:
    """A composed configuration, checked.

    Raises:
        InputError: See :func:`irp_lightning.config.checks.load_experiment`; or a value is not set.
    """
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise InputError(f"{missing[0]} is not set; give it on the command line, as {missing[0]}=VALUE")
    values: Any = OmegaConf.to_container(cfg, resolve=True)
    return load_experiment(values)
