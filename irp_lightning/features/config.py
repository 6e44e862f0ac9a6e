"""Frozen features: groups ``backbone``, ``views``, ``patches`` and ``features`` of the configuration."""

import math
from dataclasses import dataclass, replace
from typing import Any

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import (
    choice,
    file_name,
    flag,
    free,
    nothing,
    number,
    path,
    text,
    whole,
)

__all__ = ["BackboneConfig", "FeaturesConfig", "PatchesConfig", "ViewsConfig", "is_own", "layers_of"]


PARTS = ("auto", "whole", "box", "upright")


def is_own(name: str, library: str) -> bool:
    """Check whether a backbone's name is that of a function of the user's.

    >>> is_own("my_module.my_network", "torchvision"), is_own("resnet18", "torchvision")
    (True, False)
    >>> is_own("vit_small_patch14_dinov2.lvd142m", "timm")
    False
    """
    return library == "torchvision" and "." in name


def layers_of(value: Any) -> tuple[int | str, ...]:
    """Layers as a tuple: of a list, of one, or of None.

    Raises:
        ValueError: One is neither a number nor a name.
    """
    listed = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if any(isinstance(layer, bool) or not isinstance(layer, int | str) for layer in listed):
        raise ValueError("is not allowed; give a list of layers, such as [2, 3], or null for the last")
    return tuple(listed)


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The frozen network.

    Attributes:
        name: A network of the library's; of torchvision's also ``random``, or ``module.function`` of the
            user's.
        weights: A file with a state dict, or None for the library's own.
        n_scales: Scales that an image's views are shown at.
        seed: Of the ``random`` network.
        library: ``torchvision`` or ``timm``.
        layers: Whose feature maps are taken: numbers of timm's stages, names of torchvision's modules;
            none: the last.
    """

    name: str = text()
    weights: str | None = path(optional=True, says=file_name, named=False)
    n_scales: int = whole(1)
    seed: int = whole(0)
    library: str = choice("torchvision", "timm", default="torchvision")
    layers: tuple[int | str, ...] = free(layers_of, (), says=lambda layers: list(layers_of(layers)))


@dataclass(frozen=True, kw_only=True)
class ViewsConfig:
    """Rotated copies of an image.

    Attributes:
        count: How many the bank holds.
        seed: Of their angles.
        n_transforms: Drawn of each image and epoch in training.
        n_transforms_test: A score is the mean over so many fixed views.
        interpolation: Of the rotation.
        fill: What a rotation brings in.
        part: What of each picture is shown: ``whole``, ``box``, ``upright``; ``auto`` decides.
    """

    count: int = whole(1)
    seed: int = whole(0)
    n_transforms: int = whole(1)
    n_transforms_test: int = whole(1)
    interpolation: str = choice("bilinear", "nearest")
    fill: str = choice("zeros", "border", "reflection")
    part: str = choice(*PARTS, default="whole")

    def whole(self, count: int) -> "ViewsConfig":
        """For sets that are taken as they are, all ``count`` vectors: patches."""
        return replace(self, n_transforms=count, n_transforms_test=count)


@dataclass(frozen=True, kw_only=True)
class PatchesConfig:
    """Places of a picture, each a vector of its feature maps.

    Attributes:
        image_size: Side of the square picture, in pixels.
        grid: Patches per side.
        neighbourhood: Side of the square of neighbours that a place of a map is averaged over.
        width: Longer vectors are projected at random to so many dimensions; None: none are.
        dtype: In the bank.
        part: What of each picture is shown: ``whole``, ``box``, ``upright``; ``auto`` decides.
    """

    image_size: int = whole(1, 320)
    grid: int = whole(2, 20)
    neighbourhood: int = whole(1, 3)
    width: int | None = whole(1, None, optional=True)
    dtype: str = choice("float16", "float32", default="float16")
    part: str = choice(*PARTS, default="whole")

    def __post_init__(self) -> None:
        if self.neighbourhood % 2 == 0:
            raise WrongValue("neighbourhood", self.neighbourhood, "is even; give an odd number")


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig:
    """Computation and storage of features.

    Attributes:
        cache: ``bank``, ``memory`` or ``live``. The first two hold the same features.
        dtype: Of views, in the bank.
        autocast: Precision of the backbone.
        compile: Run the backbone through ``torch.compile``, but for live features.
        workers: Threads that decode images; None: by the number of processors.
        memory_limit_gb: GiB of features beyond which they are read from disk; None: half of what is
            free.
    """

    cache: str = choice("bank", "memory", "live", says=lambda cache: cache == "live")
    dtype: str = choice("float32", "float16")
    autocast: str = choice("none", "bf16", "fp16")
    workers: int | None = whole(0, optional=True, says=nothing)
    memory_limit_gb: float | None = number(
        0, math.inf, "a size in GiB, or null", optional=True, says=nothing
    )
    compile: bool = flag(False, says=nothing)
