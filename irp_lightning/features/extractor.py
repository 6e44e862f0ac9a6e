"""From pictures to feature vectors: normalise, rotate, run the backbone."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from irp_lightning.features.backbone import Backbone, architecture, build_backbone, state_hash
from irp_lightning.features.views import rotate, view_angles

__all__ = ["AUTOCASTS", "ExtractorSpec", "FeatureExtractor", "build_extractor"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, per RGB channel, for values in [0, 1]."""

AUTOCASTS = {"none": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class ExtractorSpec:
    """All that a feature vector depends on, besides the image: plain values, fit for JSON.

    Attributes:
        backbone: Name of the network.
        weights: Digest of its parameters and buffers.
        backbone_seed: Of the ``random`` backbone.
        n_scales: Number of scales.
        image_size: Side of the square picture, in pixels.
        crop: ``"none"`` or ``"center"``.
        mean: Subtracted per channel.
        std: Divided by per channel.
        interpolation: Of the rotation.
        fill: Of the rotation's corners.
        view_seed: Of the angles.
        angles: One per view, in degrees.
        autocast: Precision of the backbone: ``"none"`` is float32.
        grid: Cells per side that feature maps are averaged within; 1: over the whole picture.
    """

    backbone: str
    weights: str
    backbone_seed: int
    n_scales: int
    image_size: int
    crop: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    fill: str
    view_seed: int
    angles: tuple[float, ...]
    autocast: str
    grid: int = 1

    @property
    def n_vectors(self) -> int:
        """Feature vectors of an image: one per view and cell."""
        return len(self.angles) * self.grid**2


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

    @property
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
            (B, V, D), float32; with a grid of cells (B, V · grid², D).
        """
        dtype = AUTOCASTS[self.spec.autocast]
        with torch.autocast(images.device.type, dtype=dtype, enabled=dtype is not None):
            features = self.describe(self.views(images, angles))
        return features.float().view(len(images), -1, features.shape[1])

    @torch.no_grad()
    def views(self, images: Tensor, angles: Tensor) -> Tensor:
        """What the backbone sees: rotated and normalised, image by image.

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

    def of_cells(self, grid: int) -> "FeatureExtractor":
        """The same backbone on unrotated pictures, averaged within ``grid``² cells: (B, grid², D)."""
        backbone = Backbone(self.backbone.features, self.backbone.n_scales, grid)
        return FeatureExtractor(backbone, replace(self.spec, angles=(0.0,), grid=grid)).to(
            self.mean.device
        )

    def export(self) -> dict[str, Any]:
        """All of it as plain values and tensors: what a checkpoint carries."""
        return {"spec": asdict(self.spec), "backbone": self.backbone.state_dict()}

    @classmethod
    def restore(cls, exported: dict[str, Any]) -> "FeatureExtractor":
        """The extractor that :meth:`export` described; needs no weights from elsewhere."""
        spec = ExtractorSpec(**exported["spec"])
        backbone = Backbone(architecture(spec.backbone, spec.backbone_seed), spec.n_scales, spec.grid)
        backbone.load_state_dict(exported["backbone"])
        return cls(backbone, spec)


def build_extractor(
    *,
    name: str,
    weights: str | None,
    backbone_seed: int,
    n_scales: int,
    image_size: int,
    crop: str,
    n_views: int,
    view_seed: int,
    interpolation: str,
    fill: str,
    autocast: str,
) -> FeatureExtractor:
    """Build the extractor of a run from plain values; see :class:`ExtractorSpec` for their meaning.

    Raises:
        InputError: The backbone's weights cannot be had.
    """
    backbone = build_backbone(name, weights, n_scales, backbone_seed)
    spec = ExtractorSpec(
        backbone=name,
        weights=state_hash(backbone),
        backbone_seed=backbone_seed,
        n_scales=n_scales,
        image_size=image_size,
        crop=crop,
        mean=MEAN,
        std=STD,
        interpolation=interpolation,
        fill=fill,
        view_seed=view_seed,
        angles=tuple(view_angles(n_views, view_seed).tolist()),
        autocast=autocast,
    )
    return FeatureExtractor(backbone, spec)
