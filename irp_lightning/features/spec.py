"""All that a feature vector depends on, besides the image; a checkpoint of any origin may hold it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import nn

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.features.backbone import Backbone
from irp_lightning.features.config import layers_of
from irp_lightning.features.memory import check_memory, machine_memory
from irp_lightning.features.part.part import Part
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import choice, free, group, load, text, whole

__all__ = ["ExtractorSpec"]

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
            raise ValueError(f"is not a list of {count or 'some'} finite numbers{least}")
        return tuple(listed)

    return check


@dataclass(frozen=True, kw_only=True)
class ExtractorSpec:
    """All that a feature vector depends on, besides the image: plain values, fit for JSON.

    Attributes:
        backbone: Name of the network.
        weights: Digest of its parameters and buffers.
        backbone_seed: Of the ``random`` backbone.
        n_scales: Number of scales.
        image_size: Side of the square picture, in pixels.
        crop: ``"none"`` or ``"center"``.
        mean: Subtracted per channel.
        std: Divided by per channel.
        interpolation: Of the rotation.
        fill: Of the rotation's corners.
        view_seed: Of the angles.
        angles: One per view, in degrees.
        autocast: Precision of the backbone: ``"none"`` is float32.
        grid: Patches per side that feature maps are averaged within; 1: over the whole picture.
        library: That the network is of.
        layers: Whose maps are taken.
        neighbourhood: That a map's places are averaged over before.
        width: Longer vectors are projected to so many dimensions.
        bit_depth: Bits that hold data in files of 16-bit integers.
        float_bit_depth: Likewise in files of floating-point numbers; 0: they lie in [0, 1].
        part: What is shown of each picture; None: all of it, squashed into the square.

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
    bit_depth: int = whole(8, BitDepth.integers)
    float_bit_depth: int = whole(0, BitDepth.floats)
    part: Part | None = group(Part, optional=True)

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
            raise WrongValue("neighbourhood", self.neighbourhood, "is even; give an odd number")
        for name in ("bit_depth", "float_bit_depth"):
            if (value := getattr(self, name)) > 32:
                raise WrongValue(name, value, "is more bits than images have")
        views = len(self.angles)
        needed = 4 * views * max(3 * math.prod(self.shown), CHANNELS * math.prod(self.patches))
        if needed > machine_memory():
            sizes = f"{views} views of {self.image_size} px and a grid of {self.grid}"
            raise WrongValue("grid", self.grid, f"is too large: {sizes} do not fit into memory")

    @property
    def numbers(self) -> BitDepth:
        """Meaning of deep images' numbers."""
        return BitDepth(self.bit_depth, self.float_bit_depth)

    def described(self) -> dict[str, Any]:
        """What names a bank. Fields that came later are left out at their defaults: older banks stay."""
        later = {
            *("library", "layers", "neighbourhood", "width", "bit_depth", "float_bit_depth", "part"),
        }
        defaults = {field.name: field.default for field in fields(self)}
        return {
            OLDER_NAMES.get(k, k): v
            for k, v in asdict(self).items()
            if k not in later or v != defaults[k]
        }

    def pools(self, network: nn.Module) -> Backbone:
        """The backbone that pools a network's maps so."""
        return Backbone(network, self.n_scales, self.patches, self.neighbourhood, self.width)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of what the network sees, in pixels."""
        if self.part is None:
            return self.image_size, self.image_size
        return self.part.width, self.part.height

    @property
    def patches(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return (self.grid, self.grid) if self.part is None else (self.part.rows, self.part.columns)

    @property
    def n_vectors(self) -> int:
        """Feature vectors of an image: one per view and patch."""
        return len(self.angles) * math.prod(self.patches)

    @classmethod
    def restore(cls, values: Mapping[str, Any]) -> "ExtractorSpec":
        """The spec that a checkpoint holds as plain values.

        Raises:
            WrongValue: A value is unknown or out of its range.
        """
        names = {older: name for name, older in OLDER_NAMES.items()}
        return load(cls, {names.get(key, key): value for key, value in values.items()})
