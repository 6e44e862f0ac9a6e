"""Features that say of which image and view they are, and the data module over them."""

from typing import Any

import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import ResidentFeatures

IMAGES, VIEWS, DIM = 30, 6, 3


def numbered_features() -> ResidentFeatures:
    """Features that say where they come from: 100 × image + view, in every dimension."""
    image, view = torch.arange(IMAGES), torch.arange(VIEWS)
    return ResidentFeatures((100.0 * image[:, None] + view)[..., None].repeat(1, 1, DIM))


def decoded(features: Tensor) -> tuple[Tensor, Tensor]:
    """The image and the view of each feature vector."""
    number = features[..., 0].long()
    return number // 100, number % 100


# Neither sorted nor from 0: positions in the features are not positions among the training images.
TRAIN = [17, 3, 29, 8, 21, 0, 14, 11, 26, 5, 19]
TEST = [20, 2, 9, 28, 7]


def refinable_data(**changes: Any) -> RefinableData:
    arguments = {"batch_size": 4, "n_transforms": 2, "n_transforms_test": 3, "seed": 0, **changes}
    return RefinableData(numbered_features(), TRAIN, TEST, **arguments)


def all_but(*positions: int) -> Tensor:
    mask = torch.ones(len(TRAIN), dtype=torch.bool)
    mask[list(positions)] = False
    return mask


def images_of(loader: Any) -> list[int]:
    return [i for _, index in loader for i in index.tolist()]


def views_of(loader: Any) -> dict[int, list[int]]:
    """The views of each image, in the order drawn."""
    return {
        i: views
        for features, index in loader
        for i, views in zip(index.tolist(), decoded(features)[1].tolist(), strict=True)
    }
