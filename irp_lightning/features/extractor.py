"""From pictures to feature vectors: normalise, rotate, run the backbone."""

from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import timm
import torch
from torch import Tensor, nn

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.features.backbone import Backbone, build_backbone
from irp_lightning.features.config import BackboneConfig, PatchesConfig, ViewsConfig, is_own
from irp_lightning.features.networks import architecture
from irp_lightning.features.picture_size import is_tried
from irp_lightning.features.spec import ExtractorSpec
from irp_lightning.features.untrusted import check_fit
from irp_lightning.features.views import rotate, view_angles
from irp_lightning.features.weights import state_hash
from irp_lightning.foundation.errors import InputError, WrongValue, named, one_line

__all__ = ["FeatureExtractor", "build_extractor"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, per RGB channel, for values in [0, 1]."""

AUTOCASTS = {"none": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class FeatureExtractor(nn.Module):
    """Rotated views of images through a frozen backbone.

    Args:
        backbone: The network.
        spec: How pictures are prepared for it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, spec: ExtractorSpec) -> None:
        super().__init__()
        self.backbone = backbone
        self.spec = spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(3, 1, 1), persistent=False)

    @property
    def angles(self) -> Tensor:
        """The fixed views' angles in degrees: (V,)."""
        return torch.tensor(self.spec.angles, dtype=torch.float64)

    @cached_property
    def dim(self) -> int:
        """Length of a feature vector."""
        size = self.spec.image_size
        with torch.no_grad():
            return self.backbone(torch.zeros(1, 3, size, size, device=self.mean.device)).shape[1]

    # Not inference_mode: live features are trained on, and autograd refuses inference tensors.
    @torch.no_grad()
    def forward(self, images: Tensor, angles: Tensor) -> Tensor:
        """Features of rotated images.

        Rotation comes before normalisation, so that corners filled with zeros are black, as in the
        original.

        Args:
            images: (B, 3, S, S), uint8.
            angles: (B, V), degrees.

        Returns:
            (B, V, D), float32; with patches (B, V · grid², D).
        """
        dtype = AUTOCASTS[self.spec.autocast]
        with torch.autocast(images.device.type, dtype=dtype, enabled=dtype is not None):
            features = self.describe(self.views(images, angles))
        return features.float().view(len(images), -1, features.shape[1])

    @torch.no_grad()
    def views(self, images: Tensor, angles: Tensor) -> Tensor:
        """The backbone's input: rotated and normalised, image by image.

        Args:
            images: (B, 3, S, S), uint8.
            angles: (B, V), degrees.

        Returns:
            (B · V, 3, S, S), float32.
        """
        rotated = rotate(images.float(), angles, self.spec.interpolation, self.spec.fill).flatten(0, 1)
        rotated = rotated.contiguous(memory_format=torch.channels_last)
        return rotated.div_(255 * self.std).sub_(self.mean / self.std)

    def describe(self, views: Tensor) -> Tensor:
        """Features of views, differentiable with respect to them: (N, 3, S, S) → (N, D)."""
        return self.backbone(views)

    def of_patches(self, patches: PatchesConfig, views: int = 1) -> "FeatureExtractor":
        """A copy of this extractor for patches of pictures: (B, views · grid², D).

        Args:
            patches: How pictures and their maps are cut.
            views: Rotated views, evenly spread over the circle; the first is not rotated.
        """
        spec = replace(
            self.spec,
            angles=tuple(360 * k / views for k in range(views)),
            n_scales=1,
            image_size=patches.image_size,
            grid=patches.grid,
            neighbourhood=patches.neighbourhood,
            width=patches.width,
        )
        found = FeatureExtractor(spec.pools(self.backbone.features), spec).to(self.mean.device)
        _try(found)
        return found

    def at_bit_depth(self, bit_depth: BitDepth) -> "FeatureExtractor":
        """A copy of this extractor for another bit depth."""
        spec = replace(self.spec, bit_depth=bit_depth.integers, float_bit_depth=bit_depth.floats)
        return FeatureExtractor(self.backbone, spec).to(self.mean.device)

    def export(self) -> dict[str, Any]:
        """All of it as plain values and tensors: what a checkpoint carries."""
        return {"spec": asdict(self.spec), "backbone": self.backbone.state_dict()}

    @classmethod
    def restore(cls, exported: dict[str, Any], *, own_code: bool = False) -> "FeatureExtractor":
        """The extractor that :meth:`export` described; needs no weights from elsewhere.

        Args:
            exported: It may come from anywhere: nothing that it names is called but torchvision's
                and timm's own, and no memory is taken for sizes that its state does not have.
            own_code: Call a function of the user's that it names, too.

        Raises:
            InputError: The backbone is such a function and that is not allowed, or is not known, or a
                value is out of its range.
            Damaged: The backbone's state is not one of such a network.
        """
        with named("extractor"):
            spec = ExtractorSpec.restore(exported["spec"])
        is_users = is_own(spec.backbone, spec.library)
        if is_users and not own_code:
            raise InputError(
                f"its backbone is a function, {spec.backbone}, that is not called by default; allow "
                "it if it is yours, with --own-code (own_code=True in Python)"
            )

        def build() -> Backbone:
            network = architecture(spec.backbone, spec.backbone_seed, spec.library, spec.layers)
            return spec.pools(network)

        if not is_users and spec.backbone != "random":  # which is small, and is drawn on the CPU
            with torch.device("meta"):
                check_fit(build(), exported["backbone"])
        backbone = build()
        backbone.load_state_dict(exported["backbone"])
        return cls(backbone, spec)


def build_extractor(
    backbone: BackboneConfig, views: ViewsConfig, *, image_size: int, crop: str, autocast: str
) -> FeatureExtractor:
    """Build the extractor of a run; see :class:`ExtractorSpec` for what its values mean.

    Sizes that it cannot take are refused before, by :mod:`irp_lightning.features.picture_size`.

    Raises:
        WrongValue: There is no such backbone, or its weights cannot be had.
    """
    network = build_backbone(backbone)
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    if backbone.library == "timm":
        trained = timm.get_pretrained_cfg(backbone.name) or timm.models.PretrainedCfg()
        mean, std = tuple(trained.mean), tuple(trained.std)
    spec = ExtractorSpec(
        backbone=backbone.name,
        weights=state_hash(network),
        backbone_seed=backbone.seed,
        n_scales=backbone.n_scales,
        image_size=image_size,
        crop=crop,
        mean=mean,
        std=std,
        interpolation=views.interpolation,
        fill=views.fill,
        view_seed=views.seed,
        angles=tuple(view_angles(views.count, views.seed).tolist()),
        autocast=autocast,
        library=backbone.library,
        layers=backbone.layers,
    )
    extractor = FeatureExtractor(network, spec)
    if is_tried(backbone):
        _try(extractor)
    return extractor


def _try(extractor: FeatureExtractor) -> None:
    """Show a network one picture, before it is shown thousands."""
    spec = extractor.spec
    try:
        extractor.dim  # noqa: B018
    except Exception as error:  # a user's network can fail in any way
        raise WrongValue(
            "name",
            spec.backbone,
            f"takes no picture of {spec.image_size} px at {spec.n_scales} scales ({one_line(error)}); "
            "change it, or the size or number of scales",
        ) from error
