"""The first steps of a run, for what a study measures inside one: images, pool, features."""

from pathlib import Path

from hydra import compose, initialize_config_dir

from irp_lightning.config.compose import CONF, checked
from irp_lightning.config.experiment import Experiment
from irp_lightning.data.contamination import TrainingPool, draw_pool
from irp_lightning.data.dataset import read_images
from irp_lightning.detectors.devices import choose_device
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.image_features import ImageFeatures
from irp_lightning.features.preparation import prepare_features

__all__ = ["Inputs", "experiment", "extractor_of"]


def experiment(*overrides: str) -> Experiment:
    """The project's configuration, checked.

    Raises:
        InputError: A value cannot be used.
        HydraException: An override is none, or names what is not there.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return checked(compose("config", list(overrides)))


def extractor_of(e: Experiment) -> FeatureExtractor:
    """What turns the experiment's images into features."""
    return build_extractor(
        e.backbone,
        e.views,
        image_size=e.data.image_size,
        crop=e.data.crop,
        autocast=e.features.autocast,
    )


class Inputs:
    """The images of an experiment and their features, from the bank.

    Args:
        e: The experiment.

    Attributes:
        images: What was read.
        extractor: What turns it into features.
    """

    def __init__(self, e: Experiment) -> None:
        self.e = e
        self.extractor = extractor_of(e)
        self._bank = FeatureBank(Path(e.cache_dir), self.extractor.spec, e.features.dtype)
        self.images = read_images(e.data)
        self._files = [sample.path for sample in self.images.samples], self.images.hashes
        self._device = choose_device(e.trainer)

    def pool(self, split: str, noise: float, seed: int) -> TrainingPool:
        """What is trained and tested on."""
        return draw_pool(self.images, split, self.e.contamination.kind, noise, seed)

    def features(self) -> ImageFeatures:
        """Of rotated views: of all images."""
        return prepare_features(self.extractor, self._bank, *self._files, self.e.features, self._device)

    def patches(self) -> ImageFeatures:
        """Of the patches that mutual scoring looks at: of all images."""
        e = self.e
        through = build_extractor(
            e.refine.network,
            e.views,
            image_size=e.patches.image_size,
            crop=e.data.crop,
            autocast=e.features.autocast,
        )
        looking = through.of_patches(e.patches, e.refine.views)
        bank = FeatureBank(Path(e.cache_dir), looking.spec, e.patches.dtype)
        return prepare_features(looking, bank, *self._files, e.features, self._device)
