"""Frozen backbones: a picture's feature maps, pooled over the whole picture or within its patches.

Views: Rudolph, Wandt, Rosenhahn: *Same Same But DifferNet*, WACV 2021, section 3.1: the image is shown
to the network at three scales, each feature map is averaged over space, and the means are concatenated.

Patches: Roth et al.: *Towards total recall in industrial anomaly detection*, CVPR 2022, section 3.1:
maps of several layers, each averaged over a place's neighbours, brought to one grid and concatenated.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from irp_lightning.features.config import BackboneConfig
from irp_lightning.features.networks import architecture
from irp_lightning.features.weights import load_weights

__all__ = ["Backbone", "build_backbone"]


class Backbone(nn.Module):
    """Frozen features: image → the pooled feature maps of a network, concatenated.

    Args:
        features: A network's maps, (B, 3, s, t) → (B, C, h, w) or a list of such.
        n_scales: How many scales; scale k sees the image at 1 / 2**k of its size.
        patches: Rows and columns of patches that maps are averaged within; (1, 1) averages all.
        neighbourhood: Side of the square of neighbours that a map's places are averaged over before.
        width: Vectors longer than this are projected to so many dimensions, by a fixed random
            projection; None: none are.
    """

    def __init__(
        self,
        features: nn.Module,
        n_scales: int,
        patches: tuple[int, int] = (1, 1),
        neighbourhood: int = 1,
        width: int | None = None,
    ) -> None:
        super().__init__()
        self.features = features.to(memory_format=torch.channels_last)
        self.n_scales, self.patches = n_scales, patches
        self.neighbourhood, self.width = neighbourhood, width
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Backbone":
        """Stays in evaluation mode: a frozen backbone must not update batch-norm statistics."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Pool the feature maps of every scale.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B · rows · columns, D), float32: the patches of an image one after another, row by row. D is
            n_scales times the maps' channels, or ``width`` if that is less.

        Raises:
            ValueError: The network gives something else than feature maps.
        """
        images = images.contiguous(memory_format=torch.channels_last)
        pooled = []
        for scale in range(self.n_scales):
            # Nearest, as the original: its golden features depend on it.
            size = images.shape[-2] // 2**scale, images.shape[-1] // 2**scale
            scaled = F.interpolate(images, size=size) if scale else images
            found = self.features(scaled)
            for maps in [found] if isinstance(found, Tensor) else found:
                if maps.ndim != 4:
                    raise ValueError(f"it gives {tuple(maps.shape)}, not feature maps (B, C, h, w)")
                pooled.append(self._pool(maps.float()))
        vectors = torch.cat(pooled, dim=1)
        return vectors if self.width is None else _project(vectors, self.width)

    def _pool(self, maps: Tensor) -> Tensor:
        if self.patches == (1, 1):
            return maps.mean(dim=(2, 3))
        n = self.neighbourhood
        if n > 1:
            maps = F.avg_pool2d(maps, n, stride=1, padding=n // 2, count_include_pad=False)
        # A map with fewer places than patches repeats them.
        return F.adaptive_avg_pool2d(maps, self.patches).flatten(2).transpose(1, 2).flatten(0, 1)


def _project(vectors: Tensor, width: int) -> Tensor:
    """Johnson and Lindenstrauss: distances stay about what they were; (M, D) → (M, min(D, width))."""
    dim = vectors.shape[1]
    if dim <= width:
        return vectors
    axes = torch.linalg.qr(torch.randn(dim, width, generator=torch.Generator().manual_seed(0))).Q
    return vectors @ (axes * (dim / width) ** 0.5).to(vectors.device)


def build_backbone(config: BackboneConfig) -> Backbone:
    """Build a frozen backbone with its weights.

    Raises:
        WrongValue: There is no such network, or it cannot have such weights; see
            :func:`irp_lightning.features.weights.load_weights`.
    """
    network = architecture(config.name, config.seed, config.library, config.layers)
    load_weights(network, config)
    return Backbone(network, config.n_scales)
