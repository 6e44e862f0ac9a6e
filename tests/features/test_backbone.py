"""Behaviour of backbones: which networks are one, what features they give, and of which pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_backbones import OTHERS, SHIPPED, build

from irp_lightning.data.files.images import load_square
from irp_lightning.features.backbone import Backbone, build_backbone
from irp_lightning.features.config import BackboneConfig
from irp_lightning.features.extractor import MEAN, STD
from irp_lightning.features.networks import architecture, smallest_image
from irp_lightning.features.picture_size import check_image_size
from irp_lightning.features.weights import state_hash
from irp_lightning.foundation.errors import WrongValue


def test_features_match_the_original(shared: Path) -> None:
    golden = np.load(shared / "golden" / "multiscale_features.npz")
    image = load_square(shared / "data" / "mvtec_layout" / str(golden["image"]), 448, "none")
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    network = build("squeezenet1_1", shared / "weights" / "squeezenet1_1.pth")
    features = network(((image / 255 - mean) / std)[None])
    np.testing.assert_allclose(features.numpy(), golden["features"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", SHIPPED)
def test_smallest_image_is_the_smallest(name: str) -> None:
    size = smallest_image(name, 3)
    network = Backbone(architecture(name, 0), 3)
    assert network(torch.rand(1, 3, size, size)).shape[0] == 1
    check_image_size(BackboneConfig(name=name, weights=None, n_scales=3, seed=0), size)
    with pytest.raises(WrongValue, match=rf"^image_size={size - 1} is too small.*take {size} or more$"):
        check_image_size(BackboneConfig(name=name, weights=None, n_scales=3, seed=0), size - 1)
    if name == "alexnet":
        assert size == 252  # 63 px at the third scale
        with pytest.raises(RuntimeError):
            network(torch.rand(1, 3, size - 4, size - 4))


def test_backbone_is_frozen() -> None:
    network = Backbone(architecture("resnet18", 0), 2)
    before = state_hash(network)
    network.train()
    features = network(torch.rand(2, 3, 64, 64, requires_grad=False))
    assert state_hash(network) == before  # batch norm has counted nothing
    assert not features.requires_grad


def test_random_backbone_is_fixed_by_its_seed() -> None:
    hashes = [state_hash(build("random", seed=seed)) for seed in (3, 3, 4)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("name", OTHERS)
def test_any_network_with_feature_maps_is_a_backbone(name: str) -> None:
    with torch.device("meta"):
        maps = architecture(name, 0).eval()(torch.empty(2, 3, 224, 224))
    assert maps.shape[0] == 2
    assert maps.shape[2:] == (7, 7)
    assert maps.shape[1] > 100


@pytest.mark.parametrize(
    "name",
    [
        *("nonsense", "AlexNet", "fasterrcnn_resnet50_fpn", "r3d_18"),
        *("swin_t", "vit_b_16", "shufflenet_v2_x0_5", "regnet_y_400mf", "maxvit_t", "mnasnet0_5"),
    ],
)
def test_a_network_without_feature_maps_is_refused(name: str) -> None:
    match = f"^name={name} is not a torchvision network.*alexnet.*resnet18.*random"
    with pytest.raises(WrongValue, match=match) as error:
        architecture(name, 0)
    assert "\n" not in str(error.value)
    with pytest.raises(WrongValue, match=match):
        build_backbone(BackboneConfig(name=name, weights=None, n_scales=3, seed=0))
