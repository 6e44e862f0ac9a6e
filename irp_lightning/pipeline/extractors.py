"""Extractors of a run: one for the detector, and one for the removal."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.detectors.build import check_detector, check_size
from irp_lightning.detectors.contract import wants_patches
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.memory import check_memory
from irp_lightning.features.part.find import FoundPart
from irp_lightning.features.picture_size import check_image_size
from irp_lightning.foundation.compiler import check_compiler
from irp_lightning.foundation.errors import named
from irp_lightning.refinement.checks import looks_at_patches

__all__ = ["Extractors", "Parts", "extractors_of"]

Parts = Mapping[str, FoundPart]
"""What of each picture the ``detector`` looks at, and the ``removal`` where it has its own patches."""


@dataclass(frozen=True, kw_only=True)
class Extractors:
    """The extractors of a run.

    Attributes:
        detector: Makes what the detector is fitted to.
        dtype: How the bank keeps that.
        own_views: How many of an image's views are drawn.
        removal: Makes the patches that a removal looks at; None: it looks at the detector's features.
        patches_dtype: How the bank keeps those.
        views_part: What of each picture views are to show.
        patches_part: Likewise of patches.
    """

    detector: FeatureExtractor
    dtype: str
    own_views: ViewsConfig
    removal: FeatureExtractor | None
    patches_dtype: str
    views_part: str
    patches_part: str

    def at_bit_depth(self, bit_depth: BitDepth) -> "Extractors":
        """Copies of these extractors for another bit depth."""
        removal = None if self.removal is None else self.removal.at_bit_depth(bit_depth)
        return replace(self, detector=self.detector.at_bit_depth(bit_depth), removal=removal)

    @property
    def views(self) -> ViewsConfig:
        """How many vectors of an image are drawn in training, and scored: of patches all."""
        if self.detector.spec.grid == 1:
            return self.own_views
        return self.own_views.whole(self.detector.spec.n_vectors)

    def of_parts(self, find: Callable[[str, int, int], FoundPart]) -> "tuple[Extractors, Parts]":
        """Copies that show a part of each picture, where one is found.

        Args:
            find: From what is wanted, the side of a square in pixels and its patches a side.

        Returns:
            The extractors, and what each of them shows.
        """
        find, parts = cache(find), {}
        for name, extractor in (("detector", self.detector), ("removal", self.removal)):
            if extractor is not None:
                wanted = self.views_part if extractor.spec.grid == 1 else self.patches_part
                # Rotated views show a part at any angle already, and lose what leaves the picture.
                if wanted == "auto" and extractor.spec.grid > 1 and len(extractor.spec.angles) > 1:
                    wanted = "whole"
                with named("views" if extractor.spec.grid == 1 else "patches"):
                    parts[name] = find(wanted, extractor.spec.image_size, extractor.spec.grid)
        detector, removal = self.detector.of_part(parts["detector"]), self.removal
        if removal is not None:
            removal = removal.of_part(parts["removal"])
        return replace(self, detector=detector, removal=removal), parts

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
    dtype = e.features.dtype
    if wants_patches(kind):
        with named("patches"):
            detector, dtype = detector.of_patches(e.patches), e.patches.dtype
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
        detector=detector,
        dtype=dtype,
        own_views=e.views,
        removal=removal,
        patches_dtype=e.patches.dtype,
        views_part=e.views.part,
        patches_part=e.patches.part,
    )
