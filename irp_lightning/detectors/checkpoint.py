"""Content of a checkpoint, and rebuilding of a detector from it alone.

A checkpoint may come from anywhere. Nothing that it names is imported or called but the project's own
detectors, with plain values, and networks of the libraries'; the rest are tensors, no more than the file
holds. Detectors and backbones of the user's are imported where that is allowed.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from irp_lightning.data.audit.appearance import Appearance
from irp_lightning.detectors.build import check_detector, is_plain
from irp_lightning.detectors.checkpoint_checks import check_sizes, check_views
from irp_lightning.detectors.config import ModelConfig, is_own_detector
from irp_lightning.detectors.conformal import Calibration
from irp_lightning.detectors.saving import save_tensors
from irp_lightning.detectors.scoring import score_batch
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.untrusted import (
    Damaged,
    check_archive,
    check_fit,
    check_tensors,
    check_values,
)
from irp_lightning.foundation.errors import InputError, WrongValue, one_line
from irp_lightning.foundation.fields import load

__all__ = ["CheckpointContents", "Loaded", "add_calibration", "checkpoint_file", "load_detector"]

KEY = "irp_lightning"
REMEDY = "give a run folder or its checkpoints/last.ckpt"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A detector from a checkpoint.

    Attributes:
        model: The detector's class and arguments.
        detector: In evaluation mode.
        extractor: Turns images into its features.
        n_views: How many of the fixed views a score is averaged over.
        calibration: The threshold, and what scores mean; None where none was asked for.
        appearance: What the training photographs were like; None where an older version did not note it.
    """

    model: ModelConfig
    detector: L.LightningModule
    extractor: FeatureExtractor
    n_views: int
    calibration: Calibration | None = None
    appearance: Appearance | None = None

    @property
    def device(self) -> torch.device:
        """Device that computes the scores."""
        return self.extractor.mean.device

    def save(self, file: Path) -> None:
        """Write what :func:`load_detector` reads."""
        contents = _contents(self.model, self.extractor, self.n_views, self.appearance)
        if self.calibration is not None:
            contents["calibration"] = self.calibration.state()
        save_tensors({"state_dict": self.detector.state_dict(), KEY: contents}, file)


class CheckpointContents(L.Callback):
    """Adds to the trainer's checkpoints what :func:`load_detector` needs besides the state.

    Args:
        model: The detector's class and arguments.
        extractor: Turns images into features.
        n_views: How many of the fixed views a score is averaged over.
        appearance: What the training photographs are like.
    """

    def __init__(
        self,
        model: ModelConfig,
        extractor: FeatureExtractor,
        n_views: int,
        appearance: Appearance | None = None,
    ) -> None:
        self.model, self.extractor, self.n_views = model, extractor, n_views
        self.appearance = appearance

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[KEY] = _contents(self.model, self.extractor, self.n_views, self.appearance)


def _contents(
    model: ModelConfig, extractor: FeatureExtractor, n_views: int, appearance: Appearance | None
) -> dict[str, Any]:
    """What a checkpoint of this project holds besides the state of its detector."""
    return {
        "detector": model._target_,
        "arguments": model.rest,
        "dim": extractor.dim,
        "extractor": extractor.export(),
        "n_views": n_views,
        "appearance": appearance.state() if appearance else None,
    }


def load_detector(path: Path, *, own_code: bool = False) -> Loaded:
    """Rebuild a detector from its checkpoint, which holds all that it needs.

    Args:
        path: As of :func:`checkpoint_file`.
        own_code: Import and call a detector or a backbone of the user's that the file names.

    Raises:
        InputError: The file is missing, damaged, of an older version or of something else, claims more
            than it holds, its detector cannot be imported or made, or it names code that is not allowed.
    """
    file = checkpoint_file(path)
    if not file.is_file():
        raise InputError(f"{file} is not a file; {REMEDY}")
    try:
        with warnings.catch_warnings():  # of what it cannot read PyTorch says more than one line
            warnings.simplefilter("ignore")
            check_archive(file)
            saved = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a file from anywhere can be wrong in any way
        raise _not_whole(file, error) from error
    contents = saved.get(KEY) if isinstance(saved, Mapping) else None
    if contents is None:
        raise InputError(f"{file} {_what_else(saved)}")
    try:
        kind, arguments, dim, n_views = (
            contents[key] for key in ("detector", "arguments", "dim", "n_views")
        )
        exported, state, size = contents["extractor"], saved["state_dict"], file.stat().st_size
        check_values([kind, arguments, dim, n_views, exported["spec"], contents.get("appearance")])
        for tensors in (state, exported["backbone"]):
            check_tensors(tensors, size)
        if not is_plain(arguments):
            raise TypeError("arguments that are not plain")
        extractor = FeatureExtractor.restore(exported, own_code=own_code)
        check_views(n_views, extractor.spec.n_vectors)
        model = _model(kind, arguments, own_code)
        detector = _make(model, dim, state)
        if not is_own_detector(kind):
            _try(detector, n_views, dim)
        calibration = None
        if (judged := contents.get("calibration")) is not None:
            check_tensors({key: judged[key] for key in ("scores", "weights")}, size)
            calibration = Calibration.of_state(judged)
        like = contents.get("appearance")
        appearance = None if like is None else Appearance.of_state(like)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    except Exception as error:
        raise _not_whole(file, error) from error
    return Loaded(
        model=model,
        detector=detector,
        extractor=extractor.eval(),
        n_views=n_views,
        calibration=calibration,
        appearance=appearance,
    )


def checkpoint_file(path: Path) -> Path:
    """The file that is meant: of a run folder the detector with its threshold, where it has one.

    Args:
        path: A run folder, its ``checkpoints/last.ckpt`` or ``detector.ckpt``.
    """
    if not path.is_dir():
        return path
    judging = path / "detector.ckpt"
    return judging if judging.is_file() else path / "checkpoints" / "last.ckpt"


def add_calibration(file: Path, calibration: Calibration, to: Path) -> None:
    """Write a checkpoint again, with the threshold that its detector was given.

    Args:
        file: A checkpoint of this project.
        calibration: The threshold.
        to: Where to write it.
    """
    saved = torch.load(file, map_location="cpu", weights_only=True)
    saved[KEY]["calibration"] = calibration.state()
    save_tensors(saved, to)


def _model(kind: str, arguments: dict[str, Any], own_code: bool) -> ModelConfig:
    if is_own_detector(kind) and not own_code:
        raise InputError(
            f"its detector is a class, {kind}, that is not imported by default; allow it if it is "
            "yours, with --own-code (own_code=True in Python)"
        )
    try:
        return load(ModelConfig, {**arguments, "_target_": kind})
    except WrongValue as error:
        raise InputError(f"its detector, {kind}: {error.value} {error.reason}") from error


def _make(model: ModelConfig, dim: int, state: Mapping[str, Tensor]) -> L.LightningModule:
    kind, arguments = model._target_, {**model.rest, "dim": dim}
    if is_ours := not is_own_detector(kind):
        check_sizes(arguments, state)
    try:
        found = check_detector(model)
    except WrongValue as error:
        raise InputError(f"its detector, {kind}: {error.value} {error.reason}") from error
    try:
        if is_ours:  # a user's class need not work without memory
            with torch.device("meta"):
                check_fit(found(**arguments), state)
        made = found(**arguments)
    except Damaged:
        raise
    except Exception as error:  # a user's class can fail in any way
        raise InputError(f"its detector, {kind}, cannot be made ({one_line(error)})") from error
    made.load_state_dict(state)
    return made.eval()


@torch.no_grad()
def _try(detector: L.LightningModule, n_vectors: int, dim: int) -> None:
    """Show one of the project's detectors a picture's vectors: sizes fit, and so must their meaning."""
    try:
        score_batch(detector, torch.zeros(2, n_vectors, dim))
    except Exception as error:
        raise Damaged(f"a detector that scores nothing, {one_line(error, 100)}") from error


def _not_whole(file: Path, error: Exception) -> InputError:
    reason = one_line(error, 200) if isinstance(error, Damaged) else type(error).__name__
    return InputError(f"{file} is not a complete checkpoint of irp_lightning ({reason}); {REMEDY}")


def _what_else(saved: Any) -> str:
    if isinstance(saved, Mapping) and "carried" in saved.get("RefinableData", {}):
        return "is from an older version of irp_lightning; predict with that version, or run again"
    return f"is not a checkpoint of irp_lightning; {REMEDY}"
