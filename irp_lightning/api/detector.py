"""A detector in Python: score and explain images, save and load it."""

import warnings
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.files.in_memory import GivenImage, as_files, is_one_image
from irp_lightning.detectors.checkpoint import Loaded, load_detector
from irp_lightning.detectors.contract import ScoresPatches
from irp_lightning.detectors.new_photograph import Differences, load_photograph
from irp_lightning.detectors.prediction import score_files
from irp_lightning.features.extractor import MAP_SIDE
from irp_lightning.features.part.frame import carried_back
from irp_lightning.foundation.amounts import percent
from irp_lightning.foundation.atomic import write_whole
from irp_lightning.foundation.errors import InputError, one_line
from irp_lightning.foundation.names import printable
from irp_lightning.foundation.process_state import own_process_state

__all__ = ["Detector"]


class Detector:
    """A detector, with the threshold that it was given.

    Args:
        file: A ``detector.ckpt``, or a run folder.
        own_code: Import and call a detector or a backbone of yours that the file names.
        device: Where scores are computed: ``cpu``, ``cuda``, ``cuda:1``, or another of torch's.

    Raises:
        InputError: There is no such file, it names code and that is not allowed, or there is no such
            device.
    """

    def __init__(
        self, file: str | Path, *, own_code: bool = False, device: str | torch.device = "cpu"
    ) -> None:
        with own_process_state():
            self._loaded = _on(load_detector(Path(file), own_code=own_code), device)

    @classmethod
    def load(
        cls, file: str | Path, *, own_code: bool = False, device: str | torch.device = "cpu"
    ) -> "Detector":
        """Read what :meth:`save` has written."""
        return cls(file, own_code=own_code, device=device)

    @classmethod
    def of(cls, loaded: Loaded) -> "Detector":
        """The detector of a checkpoint that was read before, or that was fitted in this process."""
        made = cls.__new__(cls)
        made._loaded = loaded
        return made

    def __repr__(self) -> str:
        loaded, spec = self._loaded, self._loaded.extractor.spec
        judged = "no threshold"
        if (known := loaded.calibration) is not None:
            judged = f"threshold {known.threshold:.4g} for {percent(known.promised)} false alarms"
        return (
            f"Detector({type(loaded.detector).__name__} on {spec.backbone}, {spec.image_size} px, "
            f"{judged}, {loaded.device})"
        )

    def save(self, file: str | Path) -> None:
        """Write it as one file."""
        write_whole(Path(file), self._loaded.save)

    @property
    def threshold(self) -> float:
        """Scores above it raise an alarm.

        Warns:
            UserWarning: Fewer false alarms were asked for than so few images can promise.

        Raises:
            InputError: The run did not ask for one.
        """
        calibration = self._loaded.calibration
        if calibration is None:
            raise InputError("this detector has no threshold; train it with false_alarms=0.01")
        if calibration.shortfall is not None:
            warnings.warn(calibration.shortfall, stacklevel=2)
        return calibration.threshold

    def score(
        self, images: GivenImage | Iterable[GivenImage], *, max_pixels: int = MAX_PIXELS
    ) -> Tensor:
        """Anomaly scores, higher is more anomalous: (B,), float32, on the CPU; of one image ().

        Args:
            images: Files, PIL pictures, or uint8 arrays of shape (H, W) or (H, W, 3).
            max_pixels: Larger images are refused.

        Warns:
            UserWarning: Images differ from the training images: one warning for each kind of difference.

        Raises:
            InputError: An image has no score.
        """
        files, scores = as_files(images), []
        differences = Differences(_warn)
        with own_process_state():
            for path, score in score_files(self._loaded, files, max_pixels, differences.note):
                if isinstance(score, InputError):
                    raise _about(path, score)
                scores.append(score)
            differences.close()
            found = torch.tensor(scores)
        return found[0] if is_one_image(images) else found

    def explain(
        self, images: GivenImage | Iterable[GivenImage], *, max_pixels: int = MAX_PIXELS
    ) -> Tensor:
        """The score of each place of a picture: (B, S, S), at least 0; of one image (S, S).

        S is the detector's grid, or 64 where it looks at a part of each picture: the map is of the whole
        picture, and 0 where the detector does not look.

        Args:
            images: As for :meth:`score`.
            max_pixels: Larger images are refused.

        Warns:
            UserWarning: Images differ from the training images.

        Raises:
            InputError: An image cannot be read, or the detector does not look at places.
        """
        files, differences = as_files(images), Differences(_warn)
        with own_process_state(), torch.no_grad():
            maps = [self._anomaly_map(file, max_pixels, differences) for file in files]
            differences.close()
        return maps[0] if is_one_image(images) else torch.stack(maps)

    def _anomaly_map(self, file: Path, max_pixels: int, differences: Differences) -> Tensor:
        detector, extractor = self._loaded.detector, self._loaded.extractor
        if not isinstance(detector, ScoresPatches):
            raise InputError(f"{type(detector).__name__} scores whole images; use a patch detector")
        photograph = load_photograph(self._loaded, file, max_pixels)
        differences.note(file, photograph.differences)
        vectors = extractor(photograph.shown[None].to(self._loaded.device), extractor.angles[None])
        found = detector.score_map(vectors).view(1, *extractor.spec.patches).cpu()
        if photograph.frame.is_whole:
            return found[0]
        return carried_back(found, photograph.frame, (MAP_SIDE, MAP_SIDE))[0]


def _on(loaded: Loaded, device: str | torch.device) -> Loaded:
    try:
        loaded.detector.to(device)
        loaded.extractor.to(device)
    except (RuntimeError, AssertionError) as error:  # of torch, which was built without CUDA
        raise InputError(
            f"device={device} cannot be used ({one_line(error, 100)}); give cpu, or a torch device"
        ) from error
    return loaded


def _about(path: Path, error: InputError) -> InputError:
    """An error that names its image."""
    name = printable(path)
    return error if name in str(error) else InputError(f"{name}: {error}")


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=5)
