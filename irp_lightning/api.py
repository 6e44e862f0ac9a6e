"""The same in Python: clean images, fit a detector, score and explain images.

Images are files, PIL pictures or arrays, one or many. Forty photographs as a camera gives them, four of
them of cracked tablets (drawn, so that this runs anywhere; the overrides make it quick):

>>> from irp_lightning import Detector, clean, fit
>>> from irp_lightning.data.generated.category import generate_image
>>> photos = [generate_image("tablet", i, defect=None if i % 10 else "crack")[0] for i in range(40)]
>>> quick = ["patches.image_size=160", "patches.grid=10"]

Find what does not belong, the worst first, and fit a detector to the rest, with a threshold that one
good part in twenty may exceed:

>>> found = clean(photos, false_alarms=0.05, overrides=quick)
>>> sorted(found.suspects)
['image 0', 'image 10', 'image 20', 'image 30']
>>> int(found.active.sum()), len(found.kept)
(36, 36)

Score other images, and see where in a picture a score comes from:

>>> good, chipped = (generate_image("tablet", 1, split="test", defect=d)[0] for d in (None, "chip"))
>>> bool(found.detector.score(good) < found.detector.threshold < found.detector.score(chipped))
True
>>> found.detector.score([good, chipped]).shape, found.detector.explain(chipped).shape
(torch.Size([2]), torch.Size([10, 10]))

A detector is one file:

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> file = Path(mkdtemp()) / "tablets.ckpt"
>>> found.detector.save(file)
>>> Detector.load(file).threshold == found.detector.threshold
True

Fit one to images that are known to be normal; nothing is removed:

>>> trusted = fit(found.kept, false_alarms=0.1, overrides=quick)
>>> bool(trusted.score(chipped) > trusted.threshold)
True
"""

import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irp_lightning.cleaning.review import ReviewCheck
from irp_lightning.config.plain import experiment_of
from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.files.in_memory import GivenImage, as_files, as_list, is_one_image
from irp_lightning.data.samples import UNLABELLED, Reading, Sample
from irp_lightning.detectors.checkpoint import Loaded, load_detector
from irp_lightning.detectors.config import is_own_detector
from irp_lightning.detectors.contract import ScoresPatches
from irp_lightning.detectors.new_photograph import Differences, load_photograph
from irp_lightning.detectors.prediction import score_files
from irp_lightning.features.config import is_own
from irp_lightning.foundation.amounts import counted, percent
from irp_lightning.foundation.atomic import write_whole
from irp_lightning.foundation.errors import InputError, one_line
from irp_lightning.foundation.names import named_file, printable
from irp_lightning.foundation.process_state import own_process_state
from irp_lightning.foundation.quiet import quiet
from irp_lightning.foundation.spelling import spellings
from irp_lightning.pipeline.calibration import calibrated
from irp_lightning.pipeline.cleaned_folder import (
    check_own_arguments,
    clean_folder,
    experiment_of_folder,
    resolved,
)
from irp_lightning.pipeline.fitting import Fitted, Fitting
from irp_lightning.pipeline.inputs import Inputs, prepare
from irp_lightning.pipeline.removal import remove
from irp_lightning.refinement.clean import Cleaning as Rounds
from irp_lightning.runs.folder import CLEAN, SUSPECTS, csv_rows
from irp_lightning.runs.manifest import read_manifest
from irp_lightning.runs.stopwatch import Stopwatch

__all__ = ["Cleaning", "Detector", "ReviewCheck", "clean", "fit"]

logger = logging.getLogger("irp_lightning")

IN_MEMORY = ["+experiment=folder", "features.cache=memory", "data.on_bad_image=error"]
"""Overrides where nothing is written: features stay in memory, and an image that is damaged is named."""

ARGUMENTS = {
    "data.root": "images={}",
    "data.groups": "groups={}",
    "data.max_pixels": "max_pixels={}",
    "false_alarms": "false_alarms={}",
    "review": "review={}",
    "sweep.force": "force=True",
    "hydra.run.dir": "out={}",
}
"""How messages write the keys that the functions here have arguments for."""


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
    def _of(cls, loaded: Loaded) -> "Detector":
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
        """The score of each place of a picture: (B, grid, grid), at least 0; of one image (grid, grid).

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
            raise InputError(
                f"{type(detector).__name__} scores whole images; take a detector of patches"
            )
        square, found = load_photograph(self._loaded, file, max_pixels)
        differences.note(file, found)
        vectors = extractor(square[None].to(self._loaded.device), extractor.angles[None])
        grid = extractor.spec.grid
        return detector.score_map(vectors).view(grid, grid).cpu()


@dataclass(frozen=True, kw_only=True, repr=False)
class Cleaning:
    """What was found among images that nobody has cleaned.

    Attributes:
        names: What the training images are called: N, in the order in which they were given or listed.
        active: (N,), bool: those that were kept.
        suspects: Names of those that were not, the worst first.
        kept: The images that were kept, as they were given; of a folder or a table their files.
        detector: Fitted to them.
        folder: Where tables, report and detector are; None where nothing was written.
        metrics: What ``metrics.json`` holds; empty where nothing was written.
        review: How many of the reviewed images the threshold gets right; None without a review.
    """

    names: Sequence[str]
    active: Tensor
    suspects: Sequence[str]
    kept: Sequence[Any]
    detector: Detector
    folder: Path | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    review: ReviewCheck | None = None

    def __repr__(self) -> str:
        found = f"{counted(len(self.names), 'image')}, {counted(len(self.suspects), 'suspect')}"
        return f"Cleaning({found}, {self.detector!r})"


def clean(
    images: GivenImage | Iterable[GivenImage],
    out: str | Path | None = None,
    *,
    false_alarms: float = 0.01,
    review: str | Path | None = None,
    groups: str | Path = "none",
    max_pixels: int = MAX_PIXELS,
    force: bool = False,
    device: str = "auto",
    overrides: Sequence[str] = (),
) -> Cleaning:
    """Find what does not belong among images, and fit a detector to the rest.

    Args:
        images: A folder or a CSV of photographs; or many images: files, PIL pictures, or uint8 arrays of
            shape (H, W) or (H, W, 3).
        out: A folder for tables, a report and the files of a run, for a folder or a CSV alone. What is
            complete there is not computed again, but for a review. None: nothing is written.
        false_alarms: The share of good parts that may raise an alarm, in (0, 1).
        review: Annotations from the report: a CSV ``path,verdict``, ``normal`` or ``defective``.
        groups: Photographs of one part: ``none`` (near-duplicates are kept together), ``auto``, or a CSV
            ``path,group``.
        max_pixels: Larger images are refused.
        force: Replace what ``out`` holds.
        device: ``auto``, ``cpu`` or ``gpu``: the ``accelerator`` of Lightning's Trainer.
        overrides: As for ``irp-lightning run``, such as ``"seed=1"``.

    Raises:
        InputError: An image, the folder, or a value is wrong.
    """
    with own_process_state(), quiet(), spellings(ARGUMENTS):
        check_own_arguments(overrides)
        limits = _limits(max_pixels, device)
        if out is not None:
            if not isinstance(images, str | Path):
                raise InputError("out= is for a folder or a table of photographs; leave it out")
            return _clean_folder(
                Path(images), Path(out), false_alarms, review, str(groups), force, [*limits, *overrides]
            )
        given, reading, root = _given(images)
        e = experiment_of(
            [*IN_MEMORY, *limits, *overrides],
            data__root=root,
            data__groups=str(groups),
            false_alarms=false_alarms,
            review=None if review is None else str(review),
        )
        inputs = prepare(e, Stopwatch(), reading, _report)
        fitting = Fitting.of(inputs, e)
        removal = remove(inputs, e.refine, fitting, ranked=True)
        fitted = fitting.fit(e.refine, removal.cleaning)
        detector = _detector(
            inputs, fitting, fitted, removal.active, false_alarms, inputs.shared_verdicts
        )
        assert removal.ranking is not None  # as it was asked for
        ranked = removal.ranking.order.tolist()
    order = torch.tensor(inputs.pool.train).argsort()  # the pool is shuffled
    active = removal.active[order]
    names = [inputs.train[i].name for i in order.tolist()]
    by_name = given or {sample.name: sample.path for sample in inputs.train}
    return Cleaning(
        names=names,
        active=active,
        suspects=[inputs.train[i].name for i in ranked if not removal.active[i]],
        kept=[by_name[name] for name, is_kept in zip(names, active.tolist(), strict=True) if is_kept],
        detector=detector,
    )


def fit(
    images: GivenImage | Iterable[GivenImage],
    *,
    false_alarms: float = 0.01,
    groups: str | Path = "none",
    max_pixels: int = MAX_PIXELS,
    device: str = "auto",
    overrides: Sequence[str] = (),
) -> Detector:
    """Fit a detector, with a threshold, to images that are trusted to be normal.

    Args:
        images: As for :func:`clean`.
        false_alarms: The share of good parts that may raise an alarm, in (0, 1).
        groups: As for :func:`clean`.
        max_pixels: Larger images are refused.
        device: As for :func:`clean`.
        overrides: As for ``irp-lightning run``, such as ``"seed=1"``.

    Raises:
        InputError: There are too few images, or an image or a value is wrong.
    """
    with own_process_state(), quiet(), spellings(ARGUMENTS):
        check_own_arguments(overrides)
        _, reading, root = _given(images)
        e = experiment_of(
            [*IN_MEMORY, "refine=none", *_limits(max_pixels, device), *overrides],
            data__root=root,
            data__groups=str(groups),
            false_alarms=None,
        )
        inputs = prepare(e, Stopwatch(), reading, _report, grouped=True)
        fitting = Fitting.of(inputs, e)
        fitted = fitting.fit(e.refine, Rounds(fitting.everything))
        return _detector(inputs, fitting, fitted, fitting.everything, false_alarms, {})


def _detector(
    inputs: Inputs,
    fitting: Fitting,
    fitted: Fitted,
    active: Tensor,
    false_alarms: float,
    verdicts: Mapping[int, bool],
) -> Detector:
    """The detector of a fit with its threshold, on the device that it was fitted on."""
    assert inputs.groups is not None  # as they were asked for
    calibration, _ = calibrated(fitting, fitted, active, inputs.groups, false_alarms, verdicts=verdicts)
    return Detector._of(fitting.loaded(fitted, active, calibration))


def _limits(max_pixels: int, device: str) -> list[str]:
    """Arguments as overrides; ``auto`` leaves the device to the caller's own overrides."""
    return [
        f"data.max_pixels={max_pixels}",
        *([] if device == "auto" else [f"trainer.accelerator={device}"]),
    ]


def _given(
    images: GivenImage | Iterable[GivenImage],
) -> tuple[dict[str, GivenImage] | None, Reading | None, str]:
    """Images by name, as samples, and a root; of a folder or a table the root alone."""
    if isinstance(images, str | Path):
        root = resolved(Path(images))
        if not root.exists():
            raise InputError(
                f"{printable(images)} is not there; give a folder of photographs, or images"
            )
        return None, None, str(root)
    given = as_list(images)
    files = as_files(given)
    if not files:
        raise InputError("there are no images; give files, PIL pictures or uint8 arrays")
    names = [printable(file) for file in files]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is given twice; give each image once")
    samples = [Sample(file, name, "train", UNLABELLED) for file, name in zip(files, names, strict=True)]
    return dict(zip(names, given, strict=True)), Reading(samples), "."


def _clean_folder(
    folder: Path,
    out: Path,
    false_alarms: float,
    review: str | Path | None,
    groups: str,
    force: bool,
    overrides: Sequence[str],
) -> Cleaning:
    """As ``irp-lightning clean`` does, and read again what it wrote."""
    e = experiment_of_folder(
        folder,
        out,
        false_alarms=false_alarms,
        review=None if review is None else Path(review),
        groups=groups,
        force=force,
        overrides=overrides,
    )
    metrics = dict(clean_folder(e, out, _report))
    suspects = [row["path"] for row in csv_rows(out / SUSPECTS)]
    kept = [row for row in csv_rows(out / CLEAN) if row["split"] == "train"]
    names = [row["path"] for row in read_manifest(out) if row["split"] == "train"]
    gone, checked = set(suspects), metrics["cleaning"].get("review")
    own_code = is_own_detector(e.model._target_) or is_own(e.backbone.name, e.backbone.library)
    return Cleaning(
        names=names,
        active=torch.tensor([name not in gone for name in names]),
        suspects=suspects,
        kept=[named_file(Path(), row["image_path"]) for row in kept],
        detector=Detector(out, own_code=own_code),
        folder=out,
        metrics=metrics,
        review=ReviewCheck(**checked) if checked else None,
    )


def _on(loaded: Loaded, device: str | torch.device) -> Loaded:
    try:
        loaded.detector.to(device)
        loaded.extractor.to(device)
    except (RuntimeError, AssertionError) as error:  # of torch, which was built without CUDA
        raise InputError(
            f"device={device} cannot be used ({one_line(error, 100)}); give cpu, or a device of torch's"
        ) from error
    return loaded


def _report(line: str) -> None:
    """What a command prints: a warning where figures would be false, else a line of the log."""
    if line.startswith("! "):
        warnings.warn(line.removeprefix("! "), stacklevel=4)
    else:
        logger.info(line)


def _about(path: Path, error: InputError) -> InputError:
    """An error that names its image."""
    name = printable(path)
    return error if name in str(error) else InputError(f"{name}: {error}")


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=5)
