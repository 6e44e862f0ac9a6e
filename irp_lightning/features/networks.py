"""Networks by name, cut to what gives feature maps: torchvision's, timm's, random, a user's own."""

import logging
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor

from irp_lightning.features.config import is_own
from irp_lightning.foundation.errors import WrongValue, one_line
from irp_lightning.foundation.plugins import named_object
from irp_lightning.foundation.quiet import at_level

__all__ = ["architecture", "create_timm", "smallest_image", "timm_maps"]

ANY_SIZE: tuple[dict[str, bool], ...] = (
    {"dynamic_img_size": True, "dynamic_img_pad": True},
    {"dynamic_img_size": True},
    {},
)
"""What transformers of timm's are asked for, the first that they know: pictures of any size."""


def architecture(
    name: str, seed: int, library: str = "torchvision", layers: Sequence[int | str] = ()
) -> nn.Module:
    """A network's feature maps: (B, 3, s, s) → (B, C, h, w), or a list of such.

    Its parameters are named as in torchvision's whole network, where several layers are taken with
    ``network.`` in front; timm has names of its own for a network that gives maps.

    Args:
        name: Of ``timm``: any model. Of ``torchvision``: one of the classifiers that begin with
            ``features`` or are residual networks; ``random``; or ``my_module.my_function``, a function
            of the user's that takes no arguments and gives such a module with its weights, the same
            ones each time.
        seed: Of the ``random`` network; the others ignore it.
        library: ``torchvision`` or ``timm``.
        layers: Whose maps to give: numbers of timm's stages or blocks, names of torchvision's modules.
            None: the last.

    Raises:
        WrongValue: There is no such network or layer, or it has no feature maps that could be taken.
    """
    if library == "timm":
        return _Maps(timm_maps(name, layers))
    if is_own(name, library):
        network = _own_network(name)
    else:
        network = _random_features(seed) if name == "random" else _torchvision_features(name)
    if not layers:
        return network
    try:
        return _Maps(create_feature_extractor(network.eval(), [str(layer) for layer in layers]))
    except Exception as error:  # whatever a network does that cannot be traced
        known = ", ".join(key for key, _ in network.named_modules() if key.count(".") < 2 and key)
        raise WrongValue(
            "layers",
            list(layers),
            f"cannot be taken from {name} ({one_line(error, 80)}); it has {known}",
        ) from error


class _Maps(nn.Module):
    """The maps of a network that gives several, channels first, in order."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.channels_last = getattr(network, "output_fmt", "NCHW") == "NHWC"

    def forward(self, images: Tensor) -> list[Tensor]:
        found = self.network(images)
        maps = list(found.values() if isinstance(found, dict) else found)
        return [m.permute(0, 3, 1, 2) for m in maps] if self.channels_last else maps


def timm_maps(name: str, layers: Sequence[int | str], **weights: Any) -> nn.Module:
    """A network of timm's that gives the maps of some layers, the last where there are none.

    Args:
        name: Of timm's list.
        layers: Numbers of its stages or blocks.
        weights: Arguments of ``timm.create_model`` that say where weights come from.

    Raises:
        WrongValue: There is no such model or layer.
    """
    # Only names of timm's own list: others (hf-hub:…, local-dir:…) would fetch and run what they say.
    if not timm.is_model(name):
        raise WrongValue(
            "name", name, "is not a timm model; timm.list_models() lists them, such as convnext_tiny"
        )
    if "." in name and name not in timm.list_pretrained():
        raise WrongValue("name", name, f"has no such weights; timm has {_tags(name)}")
    numbers = [layer for layer in layers if isinstance(layer, int) and layer >= 0]
    if numbers != list(layers) or numbers != sorted(set(numbers)):
        raise WrongValue(
            "layers",
            list(layers),
            "are not numbers in ascending order; give those of timm's stages, such as [2, 3]",
        )
    for asked in ANY_SIZE:
        with suppress(TypeError):
            try:
                options: dict[str, Any] = {"out_indices": list(layers) or (-1,), **asked, **weights}
                return create_timm(name, features_only=True, **options)
            except (RuntimeError, IndexError, AssertionError, ValueError) as error:
                if weights:  # the layers were found before
                    raise
                raise WrongValue(
                    "layers",
                    list(layers),
                    f"cannot be taken from {name} ({one_line(error, 80)}); give others",
                ) from error
    raise WrongValue("name", name, "gives no feature maps in timm; choose another")


def create_timm(name: str, **options: Any) -> nn.Module:
    """``timm.create_model`` without its warnings of a classifier, which gives no maps.

    Which parameters fit is checked by :mod:`irp_lightning.features.weights`.
    """
    with at_level(logging.ERROR, "timm.models._builder"):
        return timm.create_model(name, **options)


def _tags(name: str) -> str:
    model = name.split(".")[0]
    return ", ".join(timm.list_pretrained(f"{model}.*")[:5]) or f"none for {model}"


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
        "is not a torchvision network with feature maps; choose one, such as alexnet, squeezenet1_1, "
        "resnet18, wide_resnet50_2, efficientnet_b0 or densenet121, or random, or one of timm's with "
        "backbone=timm, or name a function of your own as my_module.my_function",
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
