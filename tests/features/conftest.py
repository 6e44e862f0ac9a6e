"""Small images, and what their features are."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from prepared_features import N, extractor, write_images
from torch import Tensor

from irp_lightning.features.image_features import LiveFeatures


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_images(tmp_path_factory.mktemp("pictures"), N)


@pytest.fixture(scope="module")
def truth(paths: list[Path]) -> Tensor:
    """What the features are, without any bank."""
    return LiveFeatures(paths, extractor(), ThreadPoolExecutor(1)).scored(torch.arange(N))
