"""Backbones from a function of the user's: taken, refused with the reason, and never called unasked."""

import re
import sys
from pathlib import Path

import pytest
import torch
from small_backbones import build, extractor

from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.networks import architecture
from irp_lightning.features.weights import state_hash
from irp_lightning.foundation.errors import InputError, WrongValue

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


def test_nothing_of_the_users_is_called_unasked(own: Path) -> None:
    exported = extractor("own_networks.network").export()
    (own / "called").unlink()
    del sys.modules["own_networks"]
    with pytest.raises(
        InputError, match=r"its backbone is a function, own_networks\.network, .*own_code=True"
    ):
        FeatureExtractor.restore(exported)
    assert not (own / "called").exists()
    assert "own_networks" not in sys.modules  # not even imported
    restored = FeatureExtractor.restore(exported, own_code=True)
    assert (own / "called").exists()
    assert state_hash(restored.backbone) == restored.spec.weights
