"""The whole configuration of one run."""

import math
from dataclasses import dataclass

from irp_lightning.config.sweep import SweepConfig
from irp_lightning.data.config import ContaminationConfig, DataConfig
from irp_lightning.detectors.config import ModelConfig, TrainerConfig
from irp_lightning.features.config import BackboneConfig, FeaturesConfig, PatchesConfig, ViewsConfig
from irp_lightning.foundation.fields import (
    choice,
    group,
    nothing,
    number,
    path,
    text,
    whole,
)
from irp_lightning.refinement.config import RefineConfig
from irp_lightning.tracking.config import LoggerConfig

__all__ = ["Experiment"]


@dataclass(frozen=True)
class Experiment:
    """One run: what ``conf/config.yaml`` holds, and the groups it is made of.

    ``lam``, ``max_rounds`` and ``round_epochs`` say nothing by themselves: a method takes them into its
    ``refine`` block, or has no use for them. With ``references`` a run also trains vanilla and the
    oracle, for ``epochs``; with ``matched`` for as many epochs as its own detector. With
    ``false_alarms`` a run also keeps a threshold that normal images exceed so seldom, and what
    `irp-lightning clean` leaves; ``review`` names a file with what somebody who looked says of
    some images, and ``verdicts``, which nobody sets, is a digest of what it says.
    """

    name: str = text(says=nothing)
    noise: float = number(0, 0.5, "a number in [0, 0.5]")
    lam: float = number(0, math.inf, "a number above 0", open_ends=True, says=nothing, named=True)
    epochs: int = whole(1)
    max_rounds: int = whole(1, says=nothing, named=True)
    round_epochs: int = whole(1, says=nothing, named=True)
    batch_size: int = whole(1)
    localise: int | None = whole(0, optional=True)
    references: bool | str = choice(True, False, "matched")
    false_alarms: float | None = number(
        0, 1, "a share between 0 and 1, such as 0.01, or null", open_ends=True, optional=True
    )
    review: str | None = path(optional=True, says=nothing, named=True)
    seed: int = whole(0)
    checkpoint_seconds: float = number(0, math.inf, "seconds, at least 0", says=nothing)
    cache_dir: str = path()
    data: DataConfig = group(DataConfig)
    contamination: ContaminationConfig = group(ContaminationConfig)
    backbone: BackboneConfig = group(BackboneConfig)
    views: ViewsConfig = group(ViewsConfig)
    patches: PatchesConfig = group(PatchesConfig)
    features: FeaturesConfig = group(FeaturesConfig)
    model: ModelConfig = group(ModelConfig)
    refine: RefineConfig = group(RefineConfig)
    trainer: TrainerConfig = group(TrainerConfig)
    logger: LoggerConfig = group(LoggerConfig)
    sweep: SweepConfig = group(SweepConfig)
    verdicts: str | None = text(None, optional=True)
