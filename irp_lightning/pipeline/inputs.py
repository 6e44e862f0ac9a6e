"""Inputs of a run, before removal and fit: images, pool, groups, features."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.audit.remarks import Remark
from irp_lightning.data.audit.survey import list_images
from irp_lightning.data.contamination import TrainingPool, draw_pool
from irp_lightning.data.dataset import KNOWN_IMAGES, Dataset, read_images
from irp_lightning.data.files.known_images import KnownImages
from irp_lightning.data.groups import fold_groups
from irp_lightning.data.samples import Reading, Sample
from irp_lightning.data.verdicts import read_verdicts
from irp_lightning.detectors.build import check_shareable
from irp_lightning.detectors.devices import check_trainer, choose_device
from irp_lightning.features.config import ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.image_features import ImageFeatures
from irp_lightning.features.part.find import find_part
from irp_lightning.features.preparation import prepare_features
from irp_lightning.foundation.errors import named
from irp_lightning.pipeline.extractors import Extractors, Parts, extractors_of
from irp_lightning.refinement.checks import check_explains, check_refinement, check_verdicts
from irp_lightning.refinement.copies import number_copies, shared_verdicts
from irp_lightning.runs.stopwatch import Stopwatch

__all__ = ["Inputs", "prepare", "read_inputs", "show_parts"]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The images of a run and their features.

    Attributes:
        images: All images that were read.
        pool: The training and test images among them.
        groups: N, the object that each training image shows; None where nothing is scored out of sample.
        copies: (N,), int64: one number for identical training files.
        verdicts: The review, by position among the training images: whether an image is defective.
        shared_verdicts: The same, extended to identical copies.
        extractors: Turn images into the features of the detector and of the removal.
        parts: What of each picture they show.
        features: Of all images, for the detector.
        patches: Of all images, for the removal; None: the removal uses ``features``.
        device: Where features are computed.
        grouped_by: How groups were found: ``none``, ``auto`` or a file.
    """

    images: Dataset
    pool: TrainingPool
    groups: list[int] | None
    copies: Tensor
    verdicts: Mapping[int, bool]
    shared_verdicts: Mapping[int, bool]
    extractors: Extractors
    parts: Parts
    features: ImageFeatures
    patches: ImageFeatures | None
    device: torch.device
    grouped_by: str = "none"

    @cached_property
    def train(self) -> list[Sample]:
        """The training images: N."""
        return self.pool.of(self.images.samples)

    @cached_property
    def test(self) -> list[Sample]:
        """The test images: T."""
        return [self.images.samples[i] for i in self.pool.test]

    @property
    def extractor(self) -> FeatureExtractor:
        """Turns images into the detector's features."""
        return self.extractors.detector

    @property
    def views(self) -> ViewsConfig:
        """How many views are drawn in training, and scored."""
        return self.extractors.views

    @property
    def removal_extractor(self) -> FeatureExtractor:
        """Turns images into what the removal looks at."""
        return self.extractors.removal or self.extractors.detector

    @property
    def trusted(self) -> Tensor:
        """(N,), bool: training images that are never removed without a verdict."""
        return torch.tensor([sample.trusted for sample in self.train])


def read_inputs(e: Experiment, reading: Reading | None = None) -> tuple[Dataset, Extractors]:
    """Read the images of an experiment, and build what turns them into features.

    Images are listed before a backbone is built, which may download weights, and read after it.

    Args:
        e: The experiment: data, backbone, views, patches, features, model and refine matter.
        reading: The images; None: those that ``data`` names.

    Raises:
        InputError: A value cannot be used, or an image cannot be read.
    """
    with named("data"):
        reading = reading or list_images(e.data)
    extractors = extractors_of(e)
    with named("data"):
        images = read_images(e.data, _known(e), reading)
    return images, extractors.at_bit_depth(images.bit_depth)


def _known(e: Experiment) -> KnownImages:
    """Beside the bank: where features are not kept, nothing is."""
    return KnownImages(Path(e.cache_dir) / KNOWN_IMAGES if e.features.cache == "bank" else None)


def prepare(
    e: Experiment,
    watch: Stopwatch,
    reading: Reading | None = None,
    report: Callable[[str], None] = print,
    *,
    grouped: bool = False,
) -> Inputs:
    """Read the images, draw the pool, find the groups and extract the features.

    All that a run can be refused for is checked before features are extracted.

    Args:
        e: The experiment.
        watch: Times the phases ``read`` and ``features``.
        reading: The images; None: those that ``data`` names.
        report: Called with each line that the user should read.
        grouped: Find the groups of the training images, though nothing is scored out of sample.

    Raises:
        InputError: A value cannot be used, or an image cannot be read.
    """
    with watch("read"):
        _check(e)
        images, extractors = read_inputs(e, reading)
        if e.trainer.is_distributed:
            with named("model"):
                check_shareable(e.model, extractors.detector.dim)
        pool = draw_pool(images, e.data.split, e.contamination.kind, e.noise, e.seed)
        train, hashes = pool.of(images.samples), pool.of(images.hashes)
        groups = None
        if grouped or e.refine.is_out_of_sample:
            found = pool.of(images.groups)
            groups = fold_groups(train, found, hashes, e.data.groups, images.bit_depth)
        with named("refine"):
            check_refinement(e.refine, len(train), groups)
        copies = number_copies(hashes)
        verdicts, remarks = read_verdicts(e.review, train) if e.review else ({}, [])
        shared = shared_verdicts(verdicts, copies, [sample.name for sample in train])
        check_verdicts(shared, len(train))
    _report(e, images, pool, remarks, report)
    device = choose_device(e.trainer)
    with watch("features"):
        extractors, parts = show_parts(extractors, images, train, e.data.crop, report)
        features, patches = _extract(e, images, extractors, device, report)
    return Inputs(
        images=images,
        pool=pool,
        groups=groups,
        copies=copies,
        verdicts=verdicts,
        shared_verdicts=shared,
        extractors=extractors,
        parts=parts,
        features=features,
        patches=patches,
        device=device,
        grouped_by=e.data.groups,
    )


def _check(e: Experiment) -> None:
    with named("trainer"):
        check_trainer(e.trainer)
    if e.false_alarms is not None:
        with named("refine"):
            check_explains(e.refine)


def _report(
    e: Experiment,
    images: Dataset,
    pool: TrainingPool,
    remarks: Sequence[Remark],
    report: Callable[[str], None],
) -> None:
    """Report what the user should know of the images before features are extracted."""
    for remark in [*images.remarks, *remarks]:
        report(f"! {remark.text}" if remark.falsifies else remark.text)
    if not e.noise and (held_back := sum(images.samples[i].label for i in pool.dropped)):
        report(f"{held_back} defective images are held back: the test set is the same at any noise")
    if e.batch_size > len(pool.train):
        report(f"batch_size={e.batch_size}: an epoch is one batch of the {len(pool.train)} images")


def show_parts(
    extractors: Extractors,
    images: Dataset,
    train: Sequence[Sample],
    crop: str,
    report: Callable[[str], None],
) -> tuple[Extractors, Parts]:
    """Extractors that show a part of each picture, where the training images have one.

    Args:
        extractors: Of the run.
        images: All that was read.
        train: The training images.
        crop: Of pictures, before anything else.
        report: Called with a line on what is looked at, unless that is the whole picture as asked for.

    Raises:
        WrongValue: A part was asked for, and most pictures show none.
    """
    paths = [sample.path for sample in train]
    extractors, parts = extractors.of_parts(partial(find_part, paths, crop, images.bit_depth))
    names: dict[str, list[str]] = {}
    for name, found in parts.items():
        if not found.is_asked_for or found.part is not None:
            names.setdefault(str(found), []).append(name)
    for text, who in names.items():
        report(f"{' and '.join(who)} look{'s' * (len(who) == 1)} at {text}")
    return extractors, parts


def _extract(
    e: Experiment,
    images: Dataset,
    extractors: Extractors,
    device: torch.device,
    report: Callable[[str], None],
) -> tuple[ImageFeatures, ImageFeatures | None]:
    """Features of all images for the detector, and patches where the removal has its own."""
    paths = [sample.path for sample in images.samples]
    found = [
        prepare_features(
            extractor,
            bank,
            paths,
            images.hashes,
            e.features,
            device,
            once=extractor is not extractors.detector,
            say=report,
        )
        for extractor, bank in extractors.with_banks(Path(e.cache_dir))
    ]
    return found[0], found[1] if len(found) > 1 else None
