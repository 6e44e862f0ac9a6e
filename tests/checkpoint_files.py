"""Small checkpoints as a run leaves them, by the package's own pieces."""

from pathlib import Path
from typing import Any

import lightning as L
import torch

from irp_lightning.data.audit.appearance import Appearance
from irp_lightning.detectors.build import check_detector
from irp_lightning.detectors.checkpoint import CheckpointContents
from irp_lightning.detectors.config import ModelConfig
from irp_lightning.features.batches import RefinableData
from irp_lightning.features.config import BackboneConfig, ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.foundation.fields import load

ANYTHING = Appearance(
    colours=("colour", "grey"), numbers=("8-bit",), smallest=1, largest=1e5, narrowest=0.01, widest=100
)
"""Of a detector to which no 8-bit photograph is strange."""

NEAREST = "irp_lightning.detectors.nearest.Nearest"


def small_extractor(backbone: str = "random") -> FeatureExtractor:
    network = BackboneConfig(name=backbone, weights=None, n_scales=1, seed=0)
    views = ViewsConfig(
        count=3, seed=0, n_transforms=2, n_transforms_test=2, interpolation="bilinear", fill="zeros"
    )
    return build_extractor(network, views, image_size=32, crop="none", autocast="none")


def write_checkpoint(
    file: Path,
    detector: str = NEAREST,
    *,
    backbone: str = "random",
    appearance: Appearance | None = ANYTHING,
    **arguments: Any,
) -> tuple[L.LightningModule, FeatureExtractor]:
    """Fit a detector to features of nothing in particular, and keep it: what it was made of."""
    extractor = small_extractor(backbone)
    dim, images = extractor.dim, torch.Generator().manual_seed(0)
    data = RefinableData(
        ResidentFeatures(torch.randn(8, 3, dim, generator=images)), list(range(8)), [],
        batch_size=4, n_transforms=2, n_transforms_test=2, seed=0,
    )  # fmt: skip
    model = load(ModelConfig, {"_target_": detector, **arguments})
    module = check_detector(model)(dim=dim, **arguments)
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False,
        enable_model_summary=False, enable_progress_bar=False,
        callbacks=[CheckpointContents(model, extractor, 2, appearance)],
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    trainer.save_checkpoint(file)
    return module.eval(), extractor
