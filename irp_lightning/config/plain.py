"""The configuration without Hydra, for Python: the same files of ``conf/``, the same values.

It follows what those files use of Hydra: lists of defaults with groups, packages and overrides.
``tests/config/test_plain.py`` holds it against Hydra's own composition.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from irp_lightning.config.checks import load_experiment
from irp_lightning.config.experiment import Experiment
from irp_lightning.config.files import CONF, choices
from irp_lightning.config.renamed import check_renamed
from irp_lightning.foundation.errors import InputError, one_line
from irp_lightning.foundation.suggestions import meant, without_place

__all__ = ["experiment_of"]

COMMAND = "%Y-%m-%d_%H-%M-%S-%f"
"""When a command was given: Hydra's own value refers to its clock."""

Choices = dict[tuple[str, str], str]
"""By group and package: the file that is taken."""


def experiment_of(overrides: Sequence[str], **values: Any) -> Experiment:
    """The checked experiment of some overrides.

    Args:
        overrides: ``key=value`` or ``group=choice``, as for ``irp-lightning run``; values are YAML.
        values: Set last and taken as they are; the key has ``__`` for each dot.

    Raises:
        InputError: An override names no key or choice, or a value cannot be used.
    """
    cfg = _composed(overrides)
    cfg.sweep.command = f"{datetime.now():{COMMAND}}"
    try:
        for key in values:
            OmegaConf.update(cfg, key.replace("__", "."), None)  # no reference of it is resolved
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(one_line(error)) from error
    for key, value in values.items():
        *groups, name = key.split("__")
        node = plain
        for group in groups:
            node = node[group]
        node[name] = value
    return load_experiment(plain)


def _composed(overrides: Sequence[str]) -> DictConfig:
    """The configuration's nodes, merged in Hydra's order; the node ``hydra`` is left out."""
    chosen: Choices = {}
    added: Choices = {}
    experiment, assigned = None, []
    for override in overrides:
        key, equals, value = override.lstrip("+").partition("=")
        if not equals:
            raise InputError(f"{override} is not key=value; give one such as seed=1")
        check_renamed(override)
        group, _, package = key.partition("@")
        if key == "experiment":
            experiment = value
        elif (CONF / group).is_dir():
            target = added if override.startswith("+") else chosen
            target[group, package or group.replace("/", ".")] = value
        else:
            assigned.append((override, key, value))
    if experiment is not None:
        for entry in _read("experiment", experiment)[1]:
            if isinstance(entry, dict):
                ((key, choice),) = entry.items()
                group, _, package = key.removeprefix("override ").lstrip("/").partition("@")
                chosen.setdefault((group, package or group.replace("/", ".")), choice)
    nodes = [*_nodes("", "config", "", chosen)]
    for (group, package), choice in chosen.items():  # nothing took it
        key = group if package == group.replace("/", ".") else f"{group}@{package}"
        raise InputError(without_place(f"{key}={choice}"))
    for (group, package), choice in added.items():
        nodes += _nodes(group, choice, package, {})
    if experiment is not None:
        nodes.append(_read("experiment", experiment)[0])
    cfg: Any = OmegaConf.merge(*nodes)
    cfg.pop("hydra", None)
    for override, key, value in assigned:
        _assign(cfg, override, key, value)
    return cfg


def _read(group: str, name: str) -> tuple[DictConfig, list[Any]]:
    """A file's values and its list of defaults."""
    file = CONF / group / f"{name}.yaml"
    if not file.is_file():
        raise InputError(f"{group}={name} is unknown; {meant(name, choices(group))}")
    values: Any = OmegaConf.create(file.read_text(encoding="utf-8") or "{}")
    defaults = values.pop("defaults", [])
    return values, list(OmegaConf.to_container(OmegaConf.create(defaults)))  # type: ignore[arg-type]


def _nodes(group: str, name: str, package: str, chosen: Choices) -> Iterator[DictConfig]:
    """A file's values and those of its defaults, each under its package, in the order of merging."""
    values, defaults = _read(group, name)
    own: Any = values
    for part in reversed(package.split(".") if package else []):
        own = OmegaConf.create({part: own})
    if "_self_" not in defaults:
        defaults = [*defaults, "_self_"]
    for entry in defaults:
        if entry == "_self_":
            yield own
        elif isinstance(entry, str):
            yield from _nodes(group, entry, package, chosen)
        else:
            ((key, choice),) = entry.items()
            if key.startswith("override "):
                continue
            below, _, inside = key.partition("@")
            child = below.lstrip("/") if below.startswith("/") or not group else f"{group}/{below}"
            place = ".".join(filter(None, (package, inside or below.lstrip("/").replace("/", "."))))
            choice = chosen.pop((child, place), choice)
            if choice is not None and not child.startswith("hydra"):
                yield from _nodes(child, choice, place, chosen)


def _assign(cfg: DictConfig, override: str, key: str, value: str) -> None:
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = value
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if not override.startswith("+") and (
        not isinstance(node, DictConfig) or name not in set(node.keys())
    ):
        remedy = "irp-lightning run --help shows all keys"
        raise InputError(f"{override} is unknown; {meant(key, list(_keys(cfg)), remedy)}")
    OmegaConf.update(cfg, key, read, force_add=True)


def _keys(cfg: DictConfig, above: str = "") -> Iterator[str]:
    for name in map(str, cfg):
        yield f"{above}{name}"
        node = cfg._get_node(name)
        if isinstance(node, DictConfig) and not node._is_none() and not node._is_interpolation():
            yield from _keys(node, f"{above}{name}.")
