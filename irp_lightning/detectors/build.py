"""From a configuration to a detector."""

import inspect
import random
from collections.abc import Mapping
from typing import Any

import lightning as L
import numpy as np
import torch

from irp_lightning.detectors.config import ModelConfig
from irp_lightning.detectors.contract import has_gradient
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.plugins import named_object

__all__ = ["build_detector", "check_detector", "check_shareable", "check_size", "is_plain"]


def check_detector(model: ModelConfig) -> type[L.LightningModule]:
    """The class of a detector, if it can be made of its arguments.

    Raises:
        WrongValue: It cannot be imported, is no LightningModule with ``score``, takes other arguments,
            or one is not plain, so that no checkpoint could be loaded.
    """
    for name, value in model.rest.items():
        if not is_plain(value):
            raise WrongValue(
                name, value, "cannot be kept in a checkpoint; give plain values, without a _target_"
            )
    target = model._target_
    found = named_object("_target_", target)
    if not (isinstance(found, type) and issubclass(found, L.LightningModule)) or not callable(
        getattr(found, "score", None)
    ):
        raise WrongValue("_target_", target, "is not a LightningModule with score(batch); name one")
    try:
        inspect.signature(found).bind(dim=1, **model.rest)
    except TypeError as error:
        raise WrongValue(
            "_target_", target, f"cannot be made: {error}; it is called with dim and the keys of model"
        ) from error
    return found


def build_detector(model: ModelConfig, dim: int, seed: int) -> L.LightningModule:
    """Make a detector with the weights that the seed draws.

    Args:
        model: Its class and arguments.
        dim: Length D of a feature vector.
        seed: Of its initialisation, and of all random numbers after it.
    """
    # What Lightning's seed_everything seeds; it would also set environment variables of the process.
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return check_detector(model)(dim=dim, **model.rest)


def check_size(model: ModelConfig, dim: int, n_vectors: int) -> None:
    """Ask a detector whether it can be fitted to features of a size: (N, n_vectors, dim).

    Raises:
        WrongValue: It says that it cannot.
    """
    check = getattr(check_detector(model), "check_size", None)
    if check is not None:
        check(dim=dim, n_vectors=n_vectors, **model.rest)


def check_shareable(model: ModelConfig, dim: int) -> None:
    """Check that several processes can train a detector together.

    Raises:
        WrongValue: It has no gradient for them to share.
    """
    if not has_gradient(build_detector(model, dim, seed=0)):
        raise WrongValue(
            "name", model.title, "has no gradient for several processes to share; set trainer=default"
        )


def is_plain(value: Any) -> bool:
    """Check whether reading a value calls nothing: numbers, text, and lists and mappings of them."""
    if isinstance(value, Mapping):
        return "_target_" not in value and all(is_plain(v) for pair in value.items() for v in pair)
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
