"""The first steps of a run, for what a study measures inside one: images, pool, features."""

from pathlib import Path

from hydra import compose, initialize_config_dir

from irp_lightning.config.compose import CONF, checked
from irp_lightning.config.experiment import Experiment
from irp_lightning.data.contamination import TrainingPool, draw_pool
from irp_lightning.detectors.devices import choose_device
from irp_lightning.features.image_features import ImageFeatures
from irp_lightning.features.preparation import prepare_features
from irp_lightning.pipeline.inputs import read_inputs

__all__ = ["Inputs", "experiment"]


def experiment(*overrides: str) -> Experiment:
    """The project's configuration, checked.

    Raises:
        InputError: A value cannot be used.
        HydraException: An override is none, or names what is not there.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return checked(compose("config", list(overrides)))


class Inputs:
    """The images of an experiment and their features, from the bank, by the extractors of a run.

    Args:
        e: The experiment.

    Attributes:
        images: What was read.
        extractors: What turns images into features, at the depth of these images.
    """

    def __init__(self, e: Experiment) -> None:
        self.e = e
        self.images, self.extractors = read_inputs(e)
        self._device = choose_device(e.trainer)

    def pool(self, split: str, noise: float, seed: int) -> TrainingPool:
        """What is trained and tested on."""
        return draw_pool(self.images, split, self.e.contamination.kind, noise, seed)

    def features(self) -> ImageFeatures:
        """What the detector is fitted to: of all images."""
        return self._of_all(0)

    def patches(self) -> ImageFeatures:
        """What the removal looks at, where it looks at patches: of all images."""
        return self._of_all(1)

    def _of_all(self, which: int) -> ImageFeatures:
        extractor, bank = list(self.extractors.with_banks(Path(self.e.cache_dir)))[which]
        files = [sample.path for sample in self.images.samples]
        return prepare_features(
            extractor, bank, files, self.images.hashes, self.e.features, self._device
        )
