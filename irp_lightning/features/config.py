"""Frozen features: groups ``backbone``, ``views`` and ``features`` of the configuration."""

import math
from dataclasses import dataclass

from irp_lightning.foundation.fields import choice, file_name, nothing, number, path, text, whole

__all__ = ["BackboneConfig", "FeaturesConfig", "ViewsConfig"]


@dataclass(frozen=True)
class BackboneConfig:
    """The frozen network.

    Attributes:
        name: ``random``, a network of torchvision's, or ``module.function`` of the user's.
        weights: A file with a state dict, or None for torchvision's own.
        n_scales: Scales that an image is shown at.
        seed: Of the ``random`` network.
    """

    name: str = text()
    weights: str | None = path(optional=True, says=file_name, named=False)
    n_scales: int = whole(1)
    seed: int = whole(0)


@dataclass(frozen=True)
class ViewsConfig:
    """Rotated copies of an image.

    Attributes:
        count: How many the bank holds.
        seed: Of their angles.
        n_transforms: Drawn of each image and epoch in training.
        n_transforms_test: A score is the mean over so many fixed views.
        interpolation: Of the rotation.
        fill: What a rotation brings in.
    """

    count: int = whole(1)
    seed: int = whole(0)
    n_transforms: int = whole(1)
    n_transforms_test: int = whole(1)
    interpolation: str = choice("bilinear", "nearest")
    fill: str = choice("zeros", "border", "reflection")


@dataclass(frozen=True)
class FeaturesConfig:
    """How features are computed and kept.

    Attributes:
        cache: ``bank``, ``memory`` or ``live``. The first two hold the same features.
        dtype: In the bank.
        autocast: Precision of the backbone.
        workers: Processes that decode images; None: by the number of processors.
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
