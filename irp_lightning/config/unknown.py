"""A key or a choice that there is not: Hydra's many lines about it as one line with a remedy."""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from hydra.errors import MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from irp_lightning.config.experiment import Experiment
from irp_lightning.config.files import choices
from irp_lightning.foundation.errors import one_line
from irp_lightning.foundation.suggestions import meant, without_place

__all__ = ["refusal"]

NO_PLACE = re.compile(r"Could not override '(?P<key>[^']+)'\.\s+No match in the defaults list")
"""Hydra's, of a group that the chosen files have no place for."""


def refusal(error: Exception, overrides: Sequence[str]) -> str:
    """Why a configuration cannot be composed, in one line.

    Args:
        error: Hydra's or OmegaConf's.
        overrides: As they were given.
    """
    if isinstance(error, MissingConfigException):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        given = (o for o in overrides if _parts(o) == (group, choice))
        known = error.options if group.startswith("hydra") else choices(group)
        return f"{next(given, f'{group}={choice}')} is unknown; {meant(choice, known or [])}"
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.full_key:
        key = cause.full_key
        given = (o for o in overrides if f"{o.lstrip('+~').partition('=')[0]}.".startswith(f"{key}."))
        parent, _, _ = key.rpartition(".")
        beside = cause.parent_node if isinstance(cause.parent_node, DictConfig) else {}
        known = [f"{parent}.{name}" if parent else str(name) for name in beside]
        remedy = "irp-lightning run --help shows all keys"
        known = [k for k in (*known, *_declared(Experiment)) if not f"{key}.".startswith(f"{k}.")]
        return f"{next(given, key)} is unknown; {meant(key, known, remedy)}"
    if (found := NO_PLACE.search(str(error))) is not None:
        given = (o for o in overrides if o.lstrip("+").partition("=")[0] == found["key"])
        return without_place(next(given, found["key"]))
    return one_line(error)


def _parts(override: str) -> tuple[str, str]:
    """The group and the choice of ``group@package=choice``."""
    key, _, choice = override.lstrip("+").partition("=")
    return key.partition("@")[0], choice


def _declared(kind: type) -> Iterator[str]:
    """Every dotted key of a configuration that is declared; of a group of any keys the declared ones."""
    for field in dataclasses.fields(kind):
        yield field.name
        if "group" in field.metadata:
            yield from (f"{field.name}.{key}" for key in _declared(field.metadata["group"]))
