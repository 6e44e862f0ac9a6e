"""Behaviour of weights: local ones, those that are downloaded once, and files that hold none."""

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torchvision
from small_backbones import OTHERS, SHIPPED, build

from irp_lightning.features import weights as module
from irp_lightning.features.weights import state_hash
from irp_lightning.foundation.errors import InputError


@pytest.fixture
def alexnet_weights(tmp_path: Path) -> Path:
    """The weights of a whole, untrained AlexNet, classifier included."""
    file = tmp_path / "alexnet.pth"
    torch.save(torchvision.models.alexnet().state_dict(), file)
    return file


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
