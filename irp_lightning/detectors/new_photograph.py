"""A photograph that a detector was not trained on, asked what its training photographs were asked."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from irp_lightning.data.audit.appearance import oddities
from irp_lightning.data.files.headers import bounded_header
from irp_lightning.data.files.images import load_with_extent
from irp_lightning.detectors.checkpoint import Loaded
from irp_lightning.features.part.frame import Frame
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable

__all__ = ["Differences", "Photograph", "load_photograph"]


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A photograph as the detector's backbone sees it.

    Attributes:
        picture: RGB, as decoded.
        shown: (3, H, W), uint8: what of it the backbone sees.
        frame: Where in the picture that is.
        differences: How it differs from training photographs, in words by kind; empty if it does not.
    """

    picture: Image.Image
    shown: Tensor
    frame: Frame
    differences: dict[str, str]


def load_photograph(loaded: Loaded, path: Path, max_pixels: int) -> Photograph:
    """Decode a photograph, and compare it with the training photographs.

    Args:
        loaded: The detector.
        path: Its file.
        max_pixels: Larger photographs are refused.

    Raises:
        InputError: Training would refuse it: it cannot be decoded, is too large, or holds numbers whose
            meaning is not known or that do not fit the bit depth of training.
    """
    if "\0" in str(path):
        raise InputError("holds a zero byte, as no file's name does; give names one a line")
    header = bounded_header(path, max_pixels, "the limit max_pixels=")
    spec, differences = loaded.extractor.spec, {}
    if loaded.appearance is not None:
        loaded.appearance.check(printable(path), header)
        differences = loaded.appearance.differences(header)
    picture, extent = load_with_extent(path, spec.numbers)
    shown, frame = loaded.extractor.shown(picture)
    if not frame.is_found:
        differences["part"] = (
            "shows no part that stands out from its background; it is scored as it lies"
        )
    return Photograph(
        picture=picture, shown=shown, frame=frame, differences=differences | oddities(header, extent)
    )


class Differences:
    """Reports how new photographs differ from training photographs, once a kind.

    Args:
        report: Called with one line for the first photograph of each kind.
    """

    def __init__(self, report: Callable[[str], object]) -> None:
        self.report = report
        self._counts: Counter[str] = Counter()

    def note(self, path: Path, differences: Mapping[str, str]) -> None:
        """Note what differs in one photograph."""
        for kind, text in differences.items():
            self._counts[kind] += 1
            if self._counts[kind] == 1:
                self.report(
                    f"{printable(path)} {text}; the score may not mean what it meant in training"
                )

    def close(self) -> None:
        """Report how many photographs there were of each kind that several show."""
        several = [f"{kind} {count}" for kind, count in self._counts.items() if count > 1]
        if several:
            self.report(f"photographs that differ from training, by kind: {', '.join(several)}")
