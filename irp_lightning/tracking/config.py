"""Configuration group ``logger``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from irp_lightning.foundation.errors import named
from irp_lightning.foundation.fields import flag, free, load, nothing, text

__all__ = ["LoggerConfig", "WandbConfig"]


def _tags(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise ValueError("is not allowed; give a list of words, such as [a,b]")
    return list(value)


@dataclass(frozen=True)
class WandbConfig:
    """A run in Weights & Biases.

    Attributes:
        project: W&B's.
        entity: The user or team; None: the key's own.
        group: What runs of one sweep share.
        tags: Besides those that the run has of itself.
        checkpoint: Whether to upload it.
    """

    project: str = text(says=nothing)
    entity: str | None = text(optional=True, says=nothing)
    group: str = text(says=nothing)
    tags: list[str] = free(_tags, says=nothing)
    checkpoint: bool = flag(says=nothing)


def _wandb(value: Any) -> WandbConfig | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError("is not allowed; choose its file in conf/logger, or null")
    with named("wandb"):
        return load(WandbConfig, value)


@dataclass(frozen=True)
class LoggerConfig:
    """Loggers besides the CSV file that every run has.

    Attributes:
        wandb: None: not used.
    """

    wandb: WandbConfig | None = free(_wandb, says=nothing)
