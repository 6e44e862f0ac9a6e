"""Detectors and what trains them: groups ``model`` and ``trainer`` of the configuration."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import (
    choice,
    flag,
    free,
    identity,
    load,
    nothing,
    number,
    rest,
    text,
    whole,
)

__all__ = [
    *("DECLARED", "ONE_PASS", "DifferNetConfig", "ModelConfig", "NearestConfig", "TrainerConfig"),
    *("current", "is_own_detector"),
]


def _betas(value: Any) -> list[float]:
    pair = isinstance(value, list | tuple) and len(value) == 2
    if not pair or not all(isinstance(b, int | float) and 0 <= b < 1 for b in value):
        raise ValueError("is not allowed; give two numbers in [0, 1)")
    return list(value)


@dataclass(frozen=True, kw_only=True)
class DifferNetConfig:
    """Arguments of :class:`irp_lightning.detectors.differnet.DifferNet`, by default the original's.

    Attributes:
        n_blocks: Coupling blocks.
        hidden: Width of their subnets.
        clamp: Bound of the log scales.
        score: ``"latent"`` (mean z²) or ``"nll"`` (Eq. 1).
        lr: Learning rate.
        betas: Adam's.
        eps: Adam's.
        weight_decay: Adam's.
        average: Decay per step of a running average of the weights, which then computes the scores; 0:
            the weights themselves. An average wanders less from epoch to epoch.
        precision: Number format of the subnets' matrix products, ``"fp32"`` or ``"bf16"``; the
            couplings, the loss and the scores are float32 either way.
        compile: Run the flow through ``torch.compile``; needs a C++ compiler on a CPU.
    """

    n_blocks: int = whole(1, 8)
    hidden: int = whole(1, 2048)
    clamp: float = number(0, math.inf, "a number above 0", 3.0, open_ends=True)
    score: str = choice("latent", "nll", default="latent")
    lr: float = number(0, math.inf, "a number above 0", 2e-4, open_ends=True)
    betas: list[float] = free(_betas, (0.8, 0.8), says=lambda betas: list(betas))
    eps: float = number(0, math.inf, "a number above 0", 1e-4, open_ends=True)
    weight_decay: float = number(0, math.inf, "a number of at least 0", 1e-5)
    average: float = number(0, 0.9999, "0 for none, or a decay below 1, such as 0.98", 0.0)
    precision: str = choice("fp32", "bf16", default="fp32")
    compile: bool = flag(False, says=nothing)


@dataclass(frozen=True, kw_only=True)
class NearestConfig:
    """Arguments of :class:`irp_lightning.detectors.nearest.Nearest`.

    Attributes:
        neighbours: How many; fewer where there are fewer.
    """

    neighbours: int = whole(1, 1)


@dataclass(frozen=True, kw_only=True)
class PatchNearestConfig:
    """Arguments of :class:`irp_lightning.detectors.patch_nearest.PatchNearest`.

    Attributes:
        patches: How many the memory bank holds; fewer where there are fewer.
        neighbours: With more than one, an image's distances are weighted down where many patches of the
            bank are near the nearest one (PatchCore, Eq. 7); 1: no weights.
        seed: Of the candidates of the coreset.
    """

    patches: int = whole(1, 10_000)
    neighbours: int = whole(1, 1)
    seed: int = whole(0, 0)


@dataclass(frozen=True, kw_only=True)
class PatchGaussianConfig:
    """Arguments of :class:`irp_lightning.detectors.patch_gaussian.PatchGaussian`.

    Attributes:
        places: ``shared``: one Gaussian of all patches, so that nothing need be aligned; the state has
            D² numbers. ``own``: one for each place, PaDiM's, for parts that are aligned in all pictures;
            the state has K · D² numbers.
    """

    places: str = choice("shared", "own", default="shared")


@dataclass(frozen=True)
class NoArguments:
    """Arguments of a detector that takes only the length of a feature vector."""


DECLARED: dict[str, type] = {
    "irp_lightning.detectors.differnet.DifferNet": DifferNetConfig,
    "irp_lightning.detectors.gaussian.Gaussian": NoArguments,
    "irp_lightning.detectors.nearest.Nearest": NearestConfig,
    "irp_lightning.detectors.patch_nearest.PatchNearest": PatchNearestConfig,
    "irp_lightning.detectors.patch_gaussian.PatchGaussian": PatchGaussianConfig,
}
"""The arguments of the project's own detectors, which take them by name and load them. A user's class
declares its arguments by its signature."""

ONE_PASS = frozenset(DECLARED) - {"irp_lightning.detectors.differnet.DifferNet"}
"""Those of them that one pass over the images fits, whatever ``epochs`` says."""

MOVED = {
    "irp_lightning.models.differnet.DifferNet": "irp_lightning.detectors.differnet.DifferNet",
    "irp_lightning.models.gaussian.Gaussian": "irp_lightning.detectors.gaussian.Gaussian",
    "irp_lightning.models.knn.KNN": "irp_lightning.detectors.nearest.Nearest",
}
"""Where classes stood that older run folders and checkpoints name."""


def current(target: str) -> str:
    """Where a class stands now that an older version may have named elsewhere."""
    return MOVED.get(target, target)


def is_own_detector(target: str) -> bool:
    """Check whether a class is the user's, and none of the project's detectors."""
    return current(target) not in DECLARED


def _target(value: Any) -> str:
    if not isinstance(value, str) or "." not in value:
        raise ValueError("is not set; name a LightningModule, as my_module.MyDetector")
    return current(value)


@dataclass(frozen=True)
class ModelConfig:
    """The detector: any LightningModule with ``score``.

    Attributes:
        name: What it is called in tables; None: by its class.
        _target_: The class, as ``module.Class``.
        rest: The class's arguments, besides ``dim``.
    """

    _target_: str = free(_target)
    name: str | None = text(None, optional=True)
    rest: dict[str, Any] = rest()

    def __post_init__(self) -> None:
        declared = DECLARED.get(self._target_)
        if declared is not None:
            load(declared, self.rest)

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or self._target_.rpartition(".")[2]

    @classmethod
    def identity_of(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The class and its arguments, those left out by their defaults where they are declared."""
        target = current(str(values.get("_target_")))
        arguments = {k: v for k, v in values.items() if k not in ("_target_", "name", "_convert_")}
        declared = DECLARED.get(target)
        return {"_target_": target, **(identity(declared, arguments) if declared else arguments)}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Hardware of Lightning's trainer, and its other arguments unchanged.

    Attributes:
        accelerator: The kind of device.
        devices: How many, or a list with the index of one.
        precision: Of training a user's detector; what a run is, unlike the others. The flow has its own.
        strategy: ``ddp``: several processes train one detector.
        rest: Any other argument of ``lightning.Trainer`` that the run does not set itself.
    """

    accelerator: str = choice("auto", "cpu", "gpu", "cuda", says=nothing)
    devices: Any = free(says=nothing)
    precision: str = choice("32-true", "bf16-mixed", "16-mixed")
    strategy: str = choice("auto", "ddp", default="auto", says=nothing)
    rest: dict[str, Any] = rest()

    @property
    def is_distributed(self) -> bool:
        """True if several processes train one detector together."""
        return self.strategy == "ddp"

    def __post_init__(self) -> None:
        listed = self.devices if isinstance(self.devices, list) else None
        count = self.devices if _is_count(self.devices) else 0
        if self.is_distributed:
            if count < 2:
                raise WrongValue(
                    "devices",
                    self.devices,
                    "with strategy=ddp is not allowed; give a number of at least 2, or set "
                    "trainer=default",
                )
        elif count != 1 and not (listed and len(listed) == 1 and _is_count(listed[0])):
            raise WrongValue(
                "devices",
                self.devices,
                "is not allowed: a run uses one device; set 1, or one index such as [0], or trainer=ddp "
                "for a large run on several",
            )
