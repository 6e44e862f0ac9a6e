"""Backbones of torchvision's and the random one, without their ImageNet weights."""

from pathlib import Path

from irp_lightning.features.backbone import Backbone, build_backbone
from irp_lightning.features.config import BackboneConfig, ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor

SHIPPED = ("alexnet", "squeezenet1_1", "resnet18", "wide_resnet50_2", "random")
"""Those with a file in ``conf/backbone``."""

OTHERS = ("vgg11", "densenet121", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny")
"""One of each other family of torchvision's that can be taken."""


def build(name: str, weights: Path | None = None, n_scales: int = 3, seed: int = 0) -> Backbone:
    return build_backbone(
        BackboneConfig(name=name, weights=weights and str(weights), n_scales=n_scales, seed=seed)
    )


def extractor(name: str, size: int = 32, n_scales: int = 2, count: int = 2) -> FeatureExtractor:
    views = ViewsConfig(
        count=count, seed=0, n_transforms=1, n_transforms_test=1, interpolation="bilinear", fill="zeros"
    )
    backbone = BackboneConfig(name=name, weights=None, n_scales=n_scales, seed=0)
    return build_extractor(backbone, views, image_size=size, crop="none", autocast="none")
