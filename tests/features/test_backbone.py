import http.server
import io
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from irp_lightning.data.images import load_square
from irp_lightning.features import weights as module
from irp_lightning.features.backbone import Backbone, build_backbone
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import BackboneConfig, PatchesConfig, ViewsConfig
from irp_lightning.features.extractor import (
    MEAN,
    STD,
    FeatureExtractor,
    build_extractor,
)
from irp_lightning.features.networks import architecture, smallest_image
from irp_lightning.features.picture_size import check_image_size
from irp_lightning.features.weights import state_hash
from irp_lightning.foundation.errors import InputError, WrongValue

SHIPPED = ("alexnet", "squeezenet1_1", "resnet18", "wide_resnet50_2", "random")
"""Those with a file in ``conf/backbone``."""

OTHERS = ("vgg11", "densenet121", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny")
"""One of each other family of torchvision's that can be taken."""


def build(name: str, weights: Path | None = None, n_scales: int = 3, seed: int = 0) -> Backbone:
    return build_backbone(BackboneConfig(name, weights and str(weights), n_scales, seed))


def extractor(name: str, size: int = 32, n_scales: int = 2) -> FeatureExtractor:
    views = ViewsConfig(
        count=2, seed=0, n_transforms=1, n_transforms_test=1, interpolation="bilinear", fill="zeros"
    )
    backbone = BackboneConfig(name, weights=None, n_scales=n_scales, seed=0)
    return build_extractor(backbone, views, image_size=size, crop="none", autocast="none")


@pytest.fixture
def alexnet_weights(tmp_path: Path) -> Path:
    """The weights of a whole, untrained AlexNet, classifier included."""
    file = tmp_path / "alexnet.pth"
    torch.save(torchvision.models.alexnet().state_dict(), file)
    return file


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
    check_image_size(BackboneConfig(name, None, 3, 0), size)
    with pytest.raises(WrongValue, match=rf"^image_size={size - 1} is too small.*take {size} or more$"):
        check_image_size(BackboneConfig(name, None, 3, 0), size - 1)
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


def test_local_weights_are_used(alexnet_weights: Path) -> None:
    network = build("alexnet", alexnet_weights)
    wanted = torch.load(alexnet_weights, weights_only=True)["features.0.weight"]
    assert torch.equal(network.state_dict()["features.features.0.weight"], wanted)


def test_weights_of_another_architecture_are_refused(alexnet_weights: Path) -> None:
    with pytest.raises(InputError, match=r"^weights=.*alexnet\.pth does not fit resnet18"):
        build("resnet18", alexnet_weights)


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 half a zip"])
def test_a_file_without_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(file))):
        build("alexnet", file)


def test_a_pickle_with_code_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"features.0.weight": Path("not a tensor")}, file)
    with pytest.raises(InputError, match="weights_only"):
        build("alexnet", file)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_default_weights_are_downloaded_once(
    server: tuple[Path, str],
    alexnet_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, address = server
    import hashlib

    data = alexnet_weights.read_bytes()
    name = f"alexnet-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(data)
    monkeypatch.setattr(module, "default_weights_url", lambda _: f"{address}/{name}")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    first = state_hash(build("alexnet"))
    (folder / name).unlink()
    assert state_hash(build("alexnet")) == first


def test_without_network_the_error_names_the_file_to_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 of this machine: nobody listens there.
    monkeypatch.setattr(module, "default_weights_url", lambda _: "http://127.0.0.1:9/alexnet-1.pth")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(InputError) as error:
        build("alexnet")
    assert str(tmp_path / "checkpoints" / "alexnet-1.pth") in str(error.value)
    assert str(error.value).startswith("weights=null")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", [name for name in (*SHIPPED, *OTHERS) if name != "random"])
def test_default_weights_are_imagenet_v1(name: str) -> None:
    wanted = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url
    assert module.default_weights_url(name) == wanted


# --- names -------------------------------------------------------------------------------------


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
    match = f"^name={name} is no network.*alexnet.*resnet18.*random"
    with pytest.raises(WrongValue, match=match) as error:
        architecture(name, 0)
    assert "\n" not in str(error.value)
    with pytest.raises(WrongValue, match=match):
        build_backbone(BackboneConfig(name, None, 3, 0))


OWN = """
import torch
from pathlib import Path
from torch import nn

def network():
    Path(__file__).with_name("called").touch()
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3, stride=2), nn.BatchNorm2d(5), nn.ReLU())

def flat():
    return nn.Sequential(network(), nn.Flatten())

def deep():
    return nn.Conv2d(3, 5, 20)

def number():
    return 7

def broken():
    raise OSError("no such file")

def choosy(size):
    return network()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with ``own_networks.py``, from which Python was started."""
    (tmp_path / "own_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_networks", raising=False)
    return tmp_path


def test_a_function_of_the_users_is_a_backbone(own: Path) -> None:
    found = extractor("own_networks.network")
    assert found.spec.backbone == "own_networks.network"
    assert found.spec.weights == extractor("own_networks.network").spec.weights
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert found(images, torch.zeros(2, 1)).shape == (2, 1, 10)
    assert not any(p.requires_grad for p in found.train().parameters())
    before = state_hash(found.backbone)
    found(images, torch.zeros(2, 1))
    assert state_hash(found.backbone) == before


def test_weights_for_a_function_of_the_users(own: Path, tmp_path: Path) -> None:
    state = architecture("own_networks.network", 0).state_dict()
    state["0.bias"] = torch.full((5,), 3.0)
    torch.save(state, tmp_path / "weights.pth")
    network = build("own_networks.network", tmp_path / "weights.pth")
    assert torch.equal(network.state_dict()["features.0.bias"], state["0.bias"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("own_networks.nothing", "has no nothing"),
        ("no_module.network", "cannot be imported"),
        ("own_networks.number", "gives a int, not a torch.nn.Module"),
        ("own_networks.broken", "fails (no such file)"),
        ("own_networks.choosy", "missing 1 required positional argument"),
        ("own_networks.flat", "not feature maps"),
        ("own_networks.deep", "takes no picture of 32 px at 2 scales"),
    ],
)
def test_a_function_that_gives_no_backbone_is_refused(own: Path, name: str, reason: str) -> None:
    with pytest.raises(WrongValue, match=f"^name={re.escape(name)} ") as error:
        extractor(name)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


# --- from a checkpoint -------------------------------------------------------------------------


def test_an_exported_extractor_is_restored() -> None:
    found = extractor("random").of_patches(PatchesConfig(32, 2, 3, 40), 2)
    file = io.BytesIO()
    torch.save(found.export(), file)
    file.seek(0)
    restored = FeatureExtractor.restore(torch.load(file, weights_only=True))
    assert FeatureBank(Path(), restored.spec, "float32").folder == (
        FeatureBank(Path(), found.spec, "float32").folder
    )
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(restored(images, torch.zeros(2, 1)), found(images, torch.zeros(2, 1)))


def test_nothing_of_the_users_is_called_unasked(own: Path) -> None:
    exported = extractor("own_networks.network").export()
    (own / "called").unlink()
    del sys.modules["own_networks"]
    with pytest.raises(InputError, match=r"your function own_networks\.network.*allow_own=True"):
        FeatureExtractor.restore(exported)
    assert not (own / "called").exists()
    assert "own_networks" not in sys.modules  # not even imported
    restored = FeatureExtractor.restore(exported, allow_own=True)
    assert (own / "called").exists()
    assert state_hash(restored.backbone) == restored.spec.weights


@pytest.mark.parametrize("name", ["nonsense", "fasterrcnn_resnet50_fpn"])
def test_a_checkpoint_with_another_network_is_refused(name: str) -> None:
    exported = extractor("random").export()
    exported["spec"]["backbone"] = name
    with pytest.raises(InputError, match="is no network"):
        FeatureExtractor.restore(exported)
