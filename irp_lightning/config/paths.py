"""Paths of a configuration, made independent of the folder that a command was given in."""

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

__all__ = ["with_absolute_paths"]

PATHS = ("cache_dir", "data.root", "data.groups", "backbone.weights")
WORDS = ("none", "auto")
"""What ``data.groups`` may be besides a path."""


def with_absolute_paths(cfg: DictConfig) -> DictConfig:
    """The resolved configuration with absolute paths: a run must find its images from anywhere.

    Two spellings of one path become the same; a link is not followed.
    """
    config = OmegaConf.create(OmegaConf.to_container(cfg, resolve=True))
    assert isinstance(config, DictConfig)
    for key in PATHS:
        value: Any = OmegaConf.select(config, key)
        if isinstance(value, str) and value.strip() and value not in WORDS:
            OmegaConf.update(config, key, os.path.abspath(Path(value).expanduser()))  # noqa: PTH100
    return config
