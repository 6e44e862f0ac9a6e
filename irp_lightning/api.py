"""The same in Python: clean a folder, fit a detector, score and explain images.

A folder of forty photographs, four of them of cracked tablets (drawn, so that this runs anywhere; the
overrides make it quick and keep the features beside them):

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from PIL import Image
>>> from irp_lightning.api import Detector, clean, fit
>>> from irp_lightning.data.generated.category import generate_image
>>> here = Path(mkdtemp())
>>> (here / "photos").mkdir()
>>> for i in range(40):
...     picture, _ = generate_image("tablet", i, defect="crack" if i % 10 == 0 else None)
...     Image.fromarray(picture).save(here / f"photos/{i:02}.png")
>>> quick = ["patches.image_size=160", "patches.grid=10", f"cache_dir={here}"]

What does not belong, the worst first; the rest; and a detector that was fitted to the rest, with a
threshold that one good part in twenty may exceed:

>>> found = clean(here / "photos", here / "out", false_alarms=0.05, overrides=quick)
>>> sorted(found.suspects)
['00.png', '10.png', '20.png', '30.png']
>>> len(found.kept)
36

Others are scored, and a picture is told where its score comes from:

>>> for name, defect in ("good.png", None), ("chip.png", "chip"):
...     picture, _ = generate_image("tablet", 1, split="test", defect=defect)
...     Image.fromarray(picture).save(here / name)
>>> good, chipped = found.detector.score([here / "good.png", here / "chip.png"])
>>> bool(good < found.detector.threshold < chipped)
True
>>> found.detector.explain(here / "chip.png").shape
torch.Size([10, 10])

A detector is one file. It may also be fitted to images that are trusted, and not cleaned:

>>> found.detector.save(here / "tablets.ckpt")
>>> Detector.load(here / "tablets.ckpt").threshold == found.detector.threshold
True
>>> trusted = fit(found.kept, false_alarms=0.1, overrides=quick)
>>> bool(trusted.score([here / "chip.png"]) > trusted.threshold)
True
"""

import os
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from irp_lightning.cleaning.review import ReviewCheck
from irp_lightning.commands.clean import clean_folder, configured
from irp_lightning.config.compose import checked
from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.detectors.checkpoint import Loaded, checkpoint_file, load_detector
from irp_lightning.detectors.config import is_own_detector
from irp_lightning.detectors.contract import ScoresPatches
from irp_lightning.detectors.new_photograph import Differences, load_photograph
from irp_lightning.detectors.prediction import score_files
from irp_lightning.features.config import is_own
from irp_lightning.foundation.atomic import write_whole
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import named_file
from irp_lightning.foundation.process_state import own_process_state
from irp_lightning.runs.folder import CLEAN, SUSPECTS, csv_rows, csv_text

__all__ = ["Cleaning", "Detector", "ReviewCheck", "clean", "fit"]


class Detector:
    """A detector, with the threshold that it was given.

    Args:
        file: A ``detector.ckpt``, or a run folder.
        own_code: Import and call a detector or a backbone of yours that the file names.

    Raises:
        InputError: There is none, or it names code and that is not allowed.
    """

    def __init__(self, file: str | Path, *, own_code: bool = False) -> None:
        path = checkpoint_file(Path(file))
        with own_process_state():
            self._loaded: Loaded = load_detector(path, own_code=own_code)
        self._content = path.read_bytes()  # of a run folder, which may be gone when it is saved

    @classmethod
    def load(cls, file: str | Path, *, own_code: bool = False) -> "Detector":
        """What :meth:`save` has written."""
        return cls(file, own_code=own_code)

    def save(self, file: str | Path) -> None:
        """Write it as one file."""
        write_whole(Path(file), lambda partial: partial.write_bytes(self._content))

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

    def score(self, images: Iterable[str | Path], *, max_pixels: int = MAX_PIXELS) -> Tensor:
        """Anomaly scores of image files, higher is more anomalous: (B,), float32, on the CPU.

        Args:
            images: Their files.
            max_pixels: Larger images are refused.

        Warns:
            UserWarning: Images differ from the training images: one warning for each kind of difference.

        Raises:
            InputError: An image has no score.
        """
        files, scores = _listed(images), []
        differences = Differences(_warn)
        with own_process_state():
            for _, score in score_files(self._loaded, files, max_pixels, differences.note):
                if isinstance(score, InputError):
                    raise score
                scores.append(score)
            differences.close()
            return torch.tensor(scores)

    def explain(self, image: str | Path, *, max_pixels: int = MAX_PIXELS) -> Tensor:
        """The score of each place of a picture, row by row: (grid, grid), at least 0.

        Args:
            image: Its file.
            max_pixels: Larger images are refused.

        Warns:
            UserWarning: The image differs from the training images.

        Raises:
            InputError: The image cannot be read, or the detector does not look at places.
        """
        with own_process_state(), torch.no_grad():
            return self._explained(Path(image), max_pixels)

    def _explained(self, image: Path, max_pixels: int) -> Tensor:
        detector, extractor = self._loaded.detector, self._loaded.extractor
        if not isinstance(detector, ScoresPatches):
            raise InputError(
                f"{type(detector).__name__} scores whole images; take a detector of patches"
            )
        spec = extractor.spec
        square, found = load_photograph(self._loaded, image, max_pixels)
        Differences(_warn).note(image, found)
        vectors = extractor(square[None], extractor.angles[None])
        return detector.score_map(vectors).view(spec.grid, spec.grid)


@dataclass(frozen=True)
class Cleaning:
    """What a folder was found to hold.

    Attributes:
        folder: Where the tables, the report and the detector lie.
        suspects: Names of what does not belong, the worst first.
        kept: Files of the rest.
        detector: Fitted to the rest.
        metrics: What ``metrics.json`` holds.
        review: How many of the reviewed images the threshold gets right; None where nobody has looked,
            or an older version has cleaned.
    """

    folder: Path
    suspects: Sequence[str]
    kept: Sequence[Path]
    detector: Detector
    metrics: dict[str, Any]
    review: ReviewCheck | None = None


def clean(
    folder: str | Path,
    out: str | Path,
    *,
    false_alarms: float = 0.01,
    review: str | Path | None = None,
    groups: str | Path = "none",
    max_pixels: int = MAX_PIXELS,
    force: bool = False,
    overrides: Sequence[str] = (),
) -> Cleaning:
    """Find what does not belong in a folder of photographs, and fit a detector to the rest.

    Args:
        folder: Any tree of images, or a CSV of them.
        out: A folder for the results; what lies there complete is not computed again, but for a review.
        false_alarms: The share of good parts that may raise an alarm.
        review: What somebody who looked says: a CSV ``path,verdict``, ``normal`` or ``defective``.
        groups: Photographs of one part: ``none`` (near-duplicates are kept together), ``auto``, or a CSV
            ``path,group``.
        max_pixels: Larger images are refused.
        force: Begin anew, whatever ``out`` holds: what messages call ``sweep.force=true``.
        overrides: As of ``python -m irp_lightning.run``.

    Raises:
        InputError: The folder, or a value, is wrong.
    """
    into = Path(out)
    with own_process_state():
        cfg = configured(
            Path(folder),
            into,
            false_alarms=false_alarms,
            review=None if review is None else Path(review),
            groups=str(groups),
            force=force,
            overrides=[f"data.max_pixels={max_pixels}", *overrides],
        )
        metrics = dict(clean_folder(cfg, into))
    kept = [row for row in csv_rows(into / CLEAN) if row["split"] == "train"]
    review_check: dict[str, int] | None = metrics["cleaning"].get("review")
    return Cleaning(
        into,
        [row["path"] for row in csv_rows(into / SUSPECTS)],
        [named_file(Path(), row["image_path"]) for row in kept],
        Detector(into, own_code=_names_own_code(cfg)),
        metrics,
        ReviewCheck(**review_check) if review_check else None,
    )


def fit(
    images: Iterable[str | Path],
    *,
    false_alarms: float = 0.01,
    groups: str | Path = "none",
    max_pixels: int = MAX_PIXELS,
    overrides: Sequence[str] = (),
) -> Detector:
    """Fit a detector, with a threshold, to images that are trusted to be normal.

    Args:
        images: Their files.
        false_alarms: The share of good parts that may raise an alarm.
        groups: As of :func:`clean`.
        max_pixels: Larger images are refused.
        overrides: As of ``python -m irp_lightning.run``.

    Raises:
        InputError: There are too few, or a value is wrong.
    """
    columns = ("image_path", "label_index", "split")
    rows = [dict(zip(columns, (i.absolute(), 0, "train"), strict=True)) for i in _listed(images)]
    with tempfile.TemporaryDirectory() as made:
        table = Path(made) / "images.csv"
        table.write_text(csv_text(columns, rows), encoding="utf-8", errors="surrogateescape")
        out = Path(made) / "out"
        with own_process_state():
            cfg = configured(
                table,
                out,
                false_alarms=false_alarms,
                groups=str(groups),
                overrides=[f"data.max_pixels={max_pixels}", *overrides],
            )
            clean_folder(cfg, out)
            return Detector(out, own_code=_names_own_code(cfg))


def _names_own_code(cfg: DictConfig) -> bool:
    """Whether the caller has named code of theirs, which the checkpoint then names, too."""
    e = checked(cfg)
    return is_own_detector(e.model._target_) or is_own(e.backbone.name, e.backbone.library)


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=5)


def _listed(images: Iterable[str | Path]) -> list[Path]:
    """Files as a list; what makes them is the caller's, and is asked before anything is computed."""
    if isinstance(images, str | bytes | os.PathLike):
        raise InputError(
            f"images must be a list of paths, not one path {os.fsdecode(images)!r}; give [path]"
        )
    return [Path(image) for image in images]
