"""Extractors of a run: one for the detector, and one for the removal."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.detectors.build import check_detector, check_size
from irp_lightning.detectors.contract import wants_patches
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.memory import check_memory
from irp_lightning.features.picture_size import check_image_size
from irp_lightning.foundation.compiler import check_compiler
from irp_lightning.foundation.errors import named
from irp_lightning.refinement.checks import looks_at_patches

__all__ = ["Extractors", "extractors_of"]


@dataclass(frozen=True, kw_only=True)
class Extractors:
    """The extractors of a run.

    Attributes:
        detector: Makes what the detector is fitted to.
        dtype: How the bank keeps that.
        views: How many of its vectors are drawn.
        removal: Makes the patches that a removal looks at; None: it looks at the detector's features.
        patches_dtype: How the bank keeps those.
    """

    detector: FeatureExtractor
    dtype: str
    views: ViewsConfig
    removal: FeatureExtractor | None
    patches_dtype: str

    def at_bit_depth(self, bit_depth: BitDepth) -> "Extractors":
        """Copies of these extractors for another bit depth."""
        removal = None if self.removal is None else self.removal.at_bit_depth(bit_depth)
        return replace(self, detector=self.detector.at_bit_depth(bit_depth), removal=removal)

    def with_banks(self, root: Path) -> Iterator[tuple[FeatureExtractor, FeatureBank]]:
        """Each extractor with its bank."""
        yield self.detector, FeatureBank(root, self.detector.spec, self.dtype)
        if self.removal is not None:
            yield self.removal, FeatureBank(root, self.removal.spec, self.patches_dtype)


def extractors_of(e: Experiment) -> Extractors:
    """Build them, before an image is read.

    Raises:
        WrongValue: A backbone cannot be had, a size is wrong for it, or the detector cannot be made.
    """
    with named("model"):
        kind = check_detector(e.model)
    if e.features.compile:
        with named("features"):
            check_compiler()
    with named("data"):
        check_image_size(e.backbone, e.data.image_size)
    with named("patches"):
        check_memory(e.patches.image_size)
    build = partial(build_extractor, views=e.views, crop=e.data.crop, autocast=e.features.autocast)
    with named("backbone"):
        detector = build(e.backbone, image_size=e.data.image_size)
    dtype, views = e.features.dtype, e.views
    if wants_patches(kind):
        with named("patches"):
            detector, dtype = detector.of_patches(e.patches), e.patches.dtype
        views = views.whole(detector.spec.n_vectors)
    with named("model"):
        check_size(e.model, detector.dim, detector.spec.n_vectors)
    removal = None
    if e.refine.scoring is not None and looks_at_patches(e.refine):
        with named("refine.scoring"):
            network = e.refine.scoring.network
        with named("refine.scoring.backbone"):
            through = build(network, image_size=e.patches.image_size)
        with named("patches"):
            removal = through.of_patches(e.patches, e.refine.scoring.views)
    return Extractors(
        detector=detector, dtype=dtype, views=views, removal=removal, patches_dtype=e.patches.dtype
    )
