"""Frozen convolutional backbones, pooled at several scales.

Rudolph, Wandt, Rosenhahn: *Same Same But DifferNet*, WACV 2021, section 3.1: the image is shown to the
network at three scales, each feature map is averaged over space, and the means are concatenated.
"""

import hashlib
import socket
from collections import OrderedDict
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from irp_lightning.foundation.errors import InputError

__all__ = [
    "BACKBONES",
    "Backbone",
    "architecture",
    "build_backbone",
    "default_weights_url",
    "smallest_image",
    "state_hash",
]

BACKBONES = ("alexnet", "squeezenet1_1", "resnet18", "wide_resnet50_2", "random")

DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer after which the download of weights is given up."""


class Backbone(nn.Module):
    """Frozen multi-scale features: image → the concatenated spatial means of its feature maps.

    Args:
        features: The convolutional part of a network, (B, 3, s, s) → (B, C, h, w).
        n_scales: How many scales; scale k sees the image at 1 / 2**k of its size.
        grid: Cells per side that a feature map is averaged within; 1 averages the whole map.
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
            (B · grid², n_scales · C), float32: the cells of an image one after another, row by row.
        """
        images = images.contiguous(memory_format=torch.channels_last)
        pooled = []
        for scale in range(self.n_scales):
            # Nearest, as the original: its golden features depend on it.
            size = images.shape[-1] // 2**scale
            scaled = F.interpolate(images, size=(size, size)) if scale else images
            maps = self.features(scaled).float()
            if self.grid == 1:
                pooled.append(maps.mean(dim=(2, 3)))
            else:  # a map with fewer pixels than cells repeats them
                cells = F.adaptive_avg_pool2d(maps, self.grid)
                pooled.append(cells.flatten(2).transpose(1, 2).flatten(0, 1))
        return torch.cat(pooled, dim=1)


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


def architecture(name: str, seed: int) -> nn.Module:
    """The convolutional part of a network, its parameters named as in the whole one."""
    if name == "random":
        return _random_features(seed)
    network = torchvision.models.get_model(name, weights=None)
    if hasattr(network, "features"):
        return nn.Sequential(OrderedDict(features=network.features))
    # Residual networks: all but the global pooling and the classifier.
    return nn.Sequential(OrderedDict(list(network.named_children())[:-2]))


def smallest_image(name: str, n_scales: int) -> int:
    """The smallest image side, in pixels, whose smallest scale the backbone can still take."""
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

        side = next(side for side in range(1, 1024) if fits(side))
    return side * 2 ** (n_scales - 1)


def build_backbone(name: str, weights: str | None, n_scales: int = 3, seed: int = 0) -> Backbone:
    """Build a frozen backbone.

    Args:
        name: One of ``BACKBONES``.
        weights: A local file with a torchvision state dict of that architecture (the classifier may
            be missing), or None for torchvision's ``IMAGENET1K_V1``, downloaded once and kept in
            torch's hub folder.
        n_scales: How many scales.
        seed: Of the ``random`` backbone; the others ignore it.

    Raises:
        InputError: The file is missing, no state dict, or of another architecture; or the default
            weights can be neither found nor downloaded.
    """
    features = architecture(name, seed)
    if name != "random":
        state = _read_state(Path(weights).expanduser()) if weights else _default_state(name)
        wanted = features.state_dict()
        missing = [key for key in wanted if key not in state]
        reshaped = [k for k in wanted if k in state and state[k].shape != wanted[k].shape]
        if missing or reshaped:
            raise InputError(
                f"backbone.weights={weights} does not fit backbone={name} "
                f"({len(missing)} parameters missing, {len(reshaped)} of another shape, first: "
                f"{(missing + reshaped)[0]}); give the weights of torchvision's {name}"
            )
        features.load_state_dict({key: state[key] for key in wanted})
    return Backbone(features, n_scales)


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
        raise InputError(f"backbone.weights={file} is not a file; give a torchvision state dict")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError(
            f"backbone.weights={file} cannot be loaded as a state dict "
            f"({type(error).__name__}, weights_only=True); save it with torch.save(model.state_dict())"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(
            f"backbone.weights={file} holds no state dict; save it with torch.save(model.state_dict())"
        )
    return state


def default_weights_url(name: str) -> str:
    """Where torchvision publishes the ``IMAGENET1K_V1`` weights of a network."""
    return torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url


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
        raise InputError(
            f"backbone={name}: its default weights could not be had from {url} "
            f"({' '.join(str(error).split())[:160]}); place that file at {place}, or set "
            "backbone.weights=FILE, or use backbone=random"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
