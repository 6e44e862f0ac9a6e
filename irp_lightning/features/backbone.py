"""Frozen convolutional backbones, pooled at several scales.

Rudolph, Wandt, Rosenhahn: *Same Same But DifferNet*, WACV 2021, section 3.1: the image is shown to the
network at three scales, each feature map is averaged over space, and the means are concatenated.
"""

import hashlib
import socket
from bisect import bisect_left
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models

from irp_lightning.features.config import BackboneConfig
from irp_lightning.foundation.errors import WrongValue, one_line
from irp_lightning.foundation.plugins import named_object

__all__ = [
    "Backbone",
    "architecture",
    "build_backbone",
    "default_weights_url",
    "is_own",
    "smallest_image",
    "state_hash",
]

DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer after which the download of weights is given up."""


class Backbone(nn.Module):
    """Frozen multi-scale features: image → the concatenated spatial means of its feature maps.

    Args:
        features: The convolutional part of a network, (B, 3, s, s) → (B, C, h, w).
        n_scales: How many scales; scale k sees the image at 1 / 2**k of its size.
        grid: Patches per side that a feature map is averaged within; 1 averages the whole map.
    """

    def __init__(self, features: nn.Module, n_scales: int, grid: int = 1) -> None:
        super().__init__()
        self.features = features.to(memory_format=torch.channels_last)
        self.n_scales = n_scales
        self.grid = grid
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Backbone":
        """Stays in evaluation mode: a frozen backbone must not update batch-norm statistics."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Pool the feature maps of every scale.

        Args:
            images: (B, 3, S, S), normalised.

        Returns:
            (B · grid², n_scales · C), float32: the patches of an image one after another, row by row.

        Raises:
            ValueError: The network gives something else than feature maps.
        """
        images = images.contiguous(memory_format=torch.channels_last)
        pooled = []
        for scale in range(self.n_scales):
            # Nearest, as the original: its golden features depend on it.
            size = images.shape[-1] // 2**scale
            scaled = F.interpolate(images, size=(size, size)) if scale else images
            maps = self.features(scaled).float()
            if maps.ndim != 4:
                raise ValueError(f"it gives {tuple(maps.shape)}, not feature maps (B, C, h, w)")
            if self.grid == 1:
                pooled.append(maps.mean(dim=(2, 3)))
            else:  # a map with fewer pixels than patches repeats them
                patches = F.adaptive_avg_pool2d(maps, self.grid)
                pooled.append(patches.flatten(2).transpose(1, 2).flatten(0, 1))
        return torch.cat(pooled, dim=1)


def is_own(name: str) -> bool:
    """Whether a backbone's name is that of a function of the user's.

    >>> is_own("my_module.my_network"), is_own("resnet18")
    (True, False)
    """
    return "." in name


def architecture(name: str, seed: int) -> nn.Module:
    """The convolutional part of a network: (B, 3, s, s) → (B, C, h, w), its parameters named as in it.

    Args:
        name: ``random``; one of torchvision's classifiers that begin with ``features`` or are residual
            networks; or ``my_module.my_function``, a function of the user's that takes no arguments and
            gives such a module with its weights, the same ones each time.
        seed: Of the ``random`` network; the others ignore it.

    Raises:
        WrongValue: There is no such network, or it has no feature maps that could be taken.
    """
    if is_own(name):
        return _own_network(name)
    return _random_features(seed) if name == "random" else _torchvision_features(name)


def _own_network(name: str) -> nn.Module:
    function = named_object("name", name)
    try:
        network = function()
    except Exception as error:  # a user's function can fail in any way
        raise WrongValue("name", name, f"fails ({one_line(error)}); call it yourself first") from error
    if not isinstance(network, nn.Module):
        raise WrongValue("name", name, f"gives a {type(network).__name__}, not a torch.nn.Module")
    return network


def _random_features(seed: int) -> nn.Sequential:
    """A fixed random network: needs no download, tells textures and edges apart, knows no objects.

    A quarter of the first filters see colour; all others have zero mean and see structure alone, so
    that the level of the light does not drown a small defect. Small negative biases of random size
    keep units silent on weak structure: strong edges stand out in the spatial mean.
    """
    channels, kernels = (3, 32, 64, 128), (5, 3, 3)
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for c_in, c_out, kernel in zip(channels[:-1], channels[1:], kernels, strict=True):
        weight = torch.randn(c_out, c_in, kernel, kernel, generator=generator)
        weight -= weight.mean(dim=(2, 3), keepdim=True)
        if not layers:
            weight[: c_out // 4] = torch.randn(c_out // 4, c_in, 1, 1, generator=generator)
        weight *= 2**0.5 / weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        convolution = nn.Conv2d(c_in, c_out, kernel, stride=2, padding=kernel // 2)
        convolution.weight.data = weight
        convolution.bias = nn.Parameter(-0.1 * torch.rand(c_out, generator=generator))
        layers += [convolution, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _torchvision_features(name: str) -> nn.Module:
    network = nn.Module()
    if name in models.list_models(module=models):  # classifiers: others would download parts
        with suppress(NotImplementedError):  # a RegNet, laid out without memory
            network = models.get_model(name, weights=None)
    parts = OrderedDict(network.named_children())
    if isinstance(network, models.ResNet):  # all but the global pooling and the classifier
        return nn.Sequential(OrderedDict(list(parts.items())[:-2]))
    # After Swin's features comes a norm: they are no maps of channels.
    if list(parts)[:2] in (["features", "avgpool"], ["features", "classifier"]):
        return nn.Sequential(OrderedDict(features=parts["features"]))
    raise WrongValue(
        "name",
        name,
        "is no network of torchvision's with feature maps; choose one, such as alexnet, squeezenet1_1, "
        "resnet18, wide_resnet50_2, efficientnet_b0 or densenet121, or random, or name a function of "
        "your own as my_module.my_function",
    )


def smallest_image(name: str, n_scales: int) -> int:
    """The smallest image side, in pixels, whose smallest scale a backbone can still take.

    Args:
        name: ``random`` or a network of torchvision's.
        n_scales: How many scales.

    Raises:
        WrongValue: There is no such network.
    """
    if name == "random":
        return 2 ** (n_scales + 3)  # below this its last feature map is a single point
    with torch.device("meta"):
        features = architecture(name, 0).eval()

        def fits(side: int) -> bool:
            try:
                features(torch.empty(1, 3, side, side))
            except RuntimeError:
                return False
            return True

        side = 1 + bisect_left(range(1, 1024), True, key=fits)
    return side * 2 ** (n_scales - 1)


def build_backbone(config: BackboneConfig) -> Backbone:
    """Build a frozen backbone.

    Args:
        config: Its ``weights`` are a file with a state dict of that architecture (the classifier may be
            missing), or None: torchvision's ``IMAGENET1K_V1``, downloaded once and kept in torch's hub
            folder, or what a function of the user's gives.

    Raises:
        WrongValue: There is no such network; the file is missing, no state dict, or of another
            architecture; or the default weights can be neither found nor downloaded.
    """
    name, weights = config.name, config.weights
    features = architecture(name, config.seed)
    if name != "random" and (weights or not is_own(name)):
        state = _read_state(Path(weights)) if weights else _default_state(name)
        wanted = features.state_dict()
        missing = [key for key in wanted if key not in state]
        reshaped = [k for k in wanted if k in state and state[k].shape != wanted[k].shape]
        if missing or reshaped:
            raise WrongValue(
                "weights",
                weights,
                f"does not fit {name} ({len(missing)} parameters missing, {len(reshaped)} of another "
                f"shape, first: {(missing + reshaped)[0]}); give the weights of that network",
            )
        features.load_state_dict({key: state[key] for key in wanted})
    return Backbone(features, config.n_scales)


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
        raise WrongValue("weights", file, "is not a file; give a torchvision state dict")
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


def _default_state(name: str) -> dict[str, Tensor]:
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
            f"({one_line(error)[:160]}); place that file at {place}, give a file, or choose the random "
            "backbone",
        ) from error
    finally:
        socket.setdefaulttimeout(before)
