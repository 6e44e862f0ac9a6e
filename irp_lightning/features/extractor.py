"""From pictures to feature vectors: normalise, rotate, run the backbone."""

from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.files.images import cropped, load_rgb
from irp_lightning.features.backbone import Backbone, build_backbone
from irp_lightning.features.config import BackboneConfig, PatchesConfig, ViewsConfig, is_own
from irp_lightning.features.networks import architecture
from irp_lightning.features.part.find import FoundPart
from irp_lightning.features.part.frame import WHOLE, Frame, boxed, carried_back, cut
from irp_lightning.features.part.upright import template_size, upright_frame
from irp_lightning.features.picture_size import is_tried
from irp_lightning.features.spec import ExtractorSpec
from irp_lightning.features.untrusted import Damaged, check_fit
from irp_lightning.features.views import rotate, view_angles
from irp_lightning.features.weights import state_hash
from irp_lightning.foundation.errors import InputError, WrongValue, named, one_line

__all__ = ["MAP_SIDE", "FeatureExtractor", "build_extractor"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, per RGB channel, for values in [0, 1]."""

MAP_SIDE = 64
"""Side of maps that were carried back to the whole picture."""

AUTOCASTS = {"none": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class FeatureExtractor(nn.Module):
    """Rotated views of images through a frozen backbone.

    Args:
        backbone: The network.
        spec: How pictures are prepared for it.
        template: (h, w), of parts that are turned upright, see
            :mod:`irp_lightning.features.part.upright`; None: none are.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: Backbone, spec: ExtractorSpec, template: NDArray[np.uint8] | None = None
    ) -> None:
        super().__init__()
        self.backbone, self.spec, self.template = backbone, spec, template
        self.register_buffer("mean", torch.tensor(spec.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(3, 1, 1), persistent=False)

    @property
    def angles(self) -> Tensor:
        """The fixed views' angles in degrees: (V,)."""
        return torch.tensor(self.spec.angles, dtype=torch.float64)

    @cached_property
    def dim(self) -> int:
        """Length of a feature vector."""
        width, height = self.spec.shown
        with torch.no_grad():
            return self.backbone(torch.zeros(1, 3, height, width, device=self.mean.device)).shape[1]

    def frame(self, picture: Image.Image) -> Frame:
        """Where in a picture what is shown comes from.

        Args:
            picture: RGB, after the crop.
        """
        part = self.spec.part
        if part is None:
            return WHOLE
        if part.kind == "box":
            left, top, right, bottom = part.box
            return boxed((left, top, right, bottom))
        assert self.template is not None  # checked where a checkpoint is read
        return upright_frame(picture, (part.extent[0], part.extent[1]), self.template)

    def shown(self, picture: Image.Image) -> tuple[Tensor, Frame]:
        """What the views of a picture are made from: (3, H, W), uint8, and where it comes from.

        Args:
            picture: RGB, as decoded.
        """
        whole = cropped(picture, self.spec.crop)
        frame = self.frame(whole)
        seen = cut(whole, frame, self.spec.shown)
        return torch.from_numpy(np.array(seen)).permute(2, 0, 1), frame

    def carried_back(self, path: Path, heat: Tensor) -> Tensor:
        """A map of what is shown of an image file, as a map of the picture after the crop.

        Args:
            path: The file.
            heat: (h, w), at least 0.

        Returns:
            The same where the whole picture is shown; else (S, S), 0 where nothing is shown.

        Raises:
            InputError: The file cannot be decoded.
        """
        part = self.spec.part
        if part is None:
            return heat
        # A box is where it is in every picture.
        is_box = part.kind == "box"
        picture = Image.new("RGB", (1, 1)) if is_box else load_rgb(path, self.spec.numbers)
        frame = self.frame(picture if is_box else cropped(picture, self.spec.crop))
        return carried_back(heat[None], frame, (MAP_SIDE, MAP_SIDE))[0]

    def load(self, path: Path) -> Tensor:
        """What the views of an image file are made from: (3, H, W), uint8.

        Raises:
            InputError: The file cannot be decoded.
        """
        return self.shown(load_rgb(path, self.spec.numbers))[0]

    # Not inference_mode: live features are trained on, and autograd refuses inference tensors.
    @torch.no_grad()
    def forward(self, images: Tensor, angles: Tensor) -> Tensor:
        """Features of rotated images.

        Rotation comes before normalisation, so that corners filled with zeros are black, as in the
        original.

        Args:
            images: (B, 3, H, W), uint8.
            angles: (B, V), degrees.

        Returns:
            (B, V, D), float32; with patches (B, V · rows · columns, D).
        """
        dtype = AUTOCASTS[self.spec.autocast]
        with torch.autocast(images.device.type, dtype=dtype, enabled=dtype is not None):
            features = self.describe(self.views(images, angles))
        return features.float().view(len(images), -1, features.shape[1])

    @torch.no_grad()
    def views(self, images: Tensor, angles: Tensor) -> Tensor:
        """The backbone's input: rotated and normalised, image by image.

        Args:
            images: (B, 3, H, W), uint8.
            angles: (B, V), degrees.

        Returns:
            (B · V, 3, H, W), float32.
        """
        rotated = rotate(images.float(), angles, self.spec.interpolation, self.spec.fill).flatten(0, 1)
        rotated = rotated.contiguous(memory_format=torch.channels_last)
        return rotated.div_(255 * self.std).sub_(self.mean / self.std)

    def describe(self, views: Tensor) -> Tensor:
        """Features of views, differentiable with respect to them: (N, 3, H, W) → (N, D)."""
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
        return FeatureExtractor(self.backbone, spec, self.template).to(self.mean.device)

    def of_part(self, found: FoundPart) -> "FeatureExtractor":
        """A copy of this extractor that shows a part of each picture."""
        if found.part is None:
            return self
        spec = replace(self.spec, part=found.part)
        backbone = spec.pools(self.backbone.features)
        return FeatureExtractor(backbone, spec, found.template).to(self.mean.device)

    def export(self) -> dict[str, Any]:
        """All of it as plain values and tensors: what a checkpoint carries."""
        found: dict[str, Any] = {"spec": asdict(self.spec), "backbone": self.backbone.state_dict()}
        if self.template is not None:
            found["template"] = torch.from_numpy(self.template)
        return found

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
        return cls(backbone, spec, _template(spec, exported.get("template")))


def _template(spec: ExtractorSpec, saved: Any) -> NDArray[np.uint8] | None:
    if spec.part is None or spec.part.kind != "upright":
        return None
    shape = template_size(spec.part.width, spec.part.height)[::-1]
    if not isinstance(saved, Tensor) or saved.dtype != torch.uint8 or saved.shape != shape:
        raise Damaged("no template of its upright parts")
    return saved.numpy()


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
