"""Small images, their features as they are prepared, and how many were extracted for that."""

from pathlib import Path

import numpy as np
import small_backbones
import torch
from PIL import Image
from torch import Tensor

from irp_lightning.data.files.content import content_hash
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import FeaturesConfig
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.image_features import ImageFeatures
from irp_lightning.features.preparation import prepare_features

N = 12
CPU = torch.device("cpu")


def extractor(n_scales: int = 2) -> FeatureExtractor:
    return small_backbones.extractor("random", n_scales=n_scales, count=3)


def config(cache: str = "bank", memory_limit: float | None = None) -> FeaturesConfig:
    return FeaturesConfig(
        cache=cache, dtype="float32", autocast="none", workers=0, memory_limit_gb=memory_limit
    )


def write_images(folder: Path, count: int, first: int = 0) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i:05d}.png" for i in range(first, first + count)]
    for i, path in enumerate(paths, first):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


class Counted(FeatureExtractor):
    """Counts the images it has seen."""

    images = 0

    def forward(self, images: Tensor, angles: Tensor) -> Tensor:
        self.images += len(images)
        return super().forward(images, angles)


def load(
    paths: list[Path], cache: Path, mode: str = "bank", memory_limit: float | None = None
) -> tuple[ImageFeatures, int, list[str]]:
    """The features, how many images were extracted, and what the user was told."""
    plain = extractor()
    counted = Counted(plain.backbone, plain.spec)
    said: list[str] = []
    features = prepare_features(
        counted,
        FeatureBank(cache, plain.spec, "float32"),
        paths,
        [content_hash(path) for path in paths],
        config(mode, memory_limit),
        CPU,
        say=said.append,
    )
    return features, counted.images, said


def check(features: ImageFeatures, truth: Tensor) -> None:
    torch.testing.assert_close(features.scored(torch.arange(len(truth))), truth, rtol=1e-5, atol=1e-6)
