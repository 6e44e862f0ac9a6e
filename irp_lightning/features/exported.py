"""Checks of an extractor's values that come from a checkpoint, which may come from anywhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from irp_lightning.features.config import layers_of
from irp_lightning.features.memory import check_memory, machine_memory
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import choice, free, text, whole

__all__ = ["OLDER_NAMES", "SpecValues"]

OLDER_NAMES = {"bit_depth": "depth", "float_bit_depth": "float_depth"}
"""What older checkpoints, and the names of banks, call some fields."""

SMALLEST = 1e-6
"""Of a standard deviation: what is divided by less is no picture any more."""

CHANNELS = 4096
"""Of feature maps: about as many as networks have."""


def _numbers(count: int | None = None, lowest: float = -math.inf) -> Callable[[Any], tuple[float, ...]]:
    def check(value: Any) -> tuple[float, ...]:
        listed = list(value) if isinstance(value, list | tuple) else []
        good = all(
            isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) and n >= lowest
            for n in listed
        )
        if not listed or not good or (count is not None and len(listed) != count):
            least = "" if lowest == -math.inf else f", of at least {lowest:g}"
            raise ValueError(f"is no list of {count or 'some'} finite numbers{least}")
        return tuple(listed)

    return check


@dataclass(frozen=True)
class SpecValues:
    """The fields of :class:`irp_lightning.features.extractor.ExtractorSpec`, and what each may hold.

    Raises:
        WrongValue: Sizes together are more than pictures or the memory have room for.
    """

    backbone: str = text()
    weights: str = text()
    backbone_seed: int = whole(0)
    n_scales: int = whole(1)
    image_size: int = whole(1)
    crop: str = choice("none", "center")
    mean: tuple[float, ...] = free(_numbers(3))
    std: tuple[float, ...] = free(_numbers(3, SMALLEST))
    interpolation: str = choice("bilinear", "nearest")
    fill: str = choice("zeros", "border", "reflection")
    view_seed: int = whole(0)
    angles: tuple[float, ...] = free(_numbers())
    autocast: str = choice("none", "bf16", "fp16")
    grid: int = whole(1, 1)
    library: str = choice("torchvision", "timm", default="torchvision")
    layers: tuple[int | str, ...] = free(layers_of, ())
    neighbourhood: int = whole(1, 1)
    width: int | None = whole(1, None, optional=True)
    bit_depth: int = whole(8, 16)
    float_bit_depth: int = whole(0, 0)

    def __post_init__(self) -> None:
        check_memory(self.image_size)
        if self.image_size >> (self.n_scales - 1) < 1:
            raise WrongValue(
                "n_scales", self.n_scales, f"leaves nothing of pictures of {self.image_size} px"
            )
        for name in ("grid", "neighbourhood"):
            if (value := getattr(self, name)) > self.image_size:
                raise WrongValue(name, value, f"is more than pictures of {self.image_size} px have")
        if self.neighbourhood % 2 == 0:
            raise WrongValue("neighbourhood", self.neighbourhood, "is even")
        for name in ("bit_depth", "float_bit_depth"):
            if (value := getattr(self, name)) > 32:
                raise WrongValue(name, value, "is more bits than images have")
        views = len(self.angles)
        needed = 4 * views * max(3 * self.image_size**2, CHANNELS * self.grid**2)
        if needed > machine_memory():
            sizes = f"{views} views of {self.image_size} px and a grid of {self.grid}"
            raise WrongValue("grid", self.grid, f"is too large: {sizes} do not fit into memory")
