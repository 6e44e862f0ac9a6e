"""The folder of one run: files that are whole once they exist."""

import csv
import errno
import glob
import io
import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

from irp_lightning.foundation.atomic import remove_partial_files, write_whole
from irp_lightning.foundation.cells import as_cell, from_cell
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.locks import locked_folder

__all__ = [
    "CHECKPOINT",
    "CLEAN",
    "CLEANING",
    "CONFIG",
    "DETECTOR",
    "FIGURES",
    "LEFT_BEHIND",
    "MANIFEST",
    "METRICS",
    "REMOVED",
    "REPORT",
    "REVIEW",
    "ROUNDS",
    "SCORES",
    "SUSPECTS",
    "WANDB_ID",
    "WHOLE_FOLDERS",
    "RunFolder",
    "csv_rows",
    "csv_text",
    "read_json",
]

CONFIG, METRICS = "config.yaml", "metrics.json"
MANIFEST, ROUNDS, REMOVED, SCORES = "manifest.csv", "rounds.csv", "removed.csv", "scores.csv"
FIGURES = "figures"
SUSPECTS, CLEAN, REPORT, DETECTOR = "suspects.csv", "clean.csv", "report.html", "detector.ckpt"
REVIEW = "review.csv"
"""What persons said of images stays, whatever is computed anew."""
CHECKPOINT, CLEANING = "checkpoints/last.ckpt", "checkpoints/cleaning.ckpt"
WANDB_ID = "wandb/run_id"
"""The W&B run that belongs to the folder: others may log to W&B from the same place."""

LEFT_BEHIND = (
    *(METRICS, "checkpoints", MANIFEST, ROUNDS, REMOVED, SCORES),
    *(SUSPECTS, CLEAN, REPORT, DETECTOR),
    FIGURES,
    *(f"{logs}/{name}" for logs in ("logs", "logs-*") for name in ("metrics.csv", "hparams.yaml")),
    *("wandb/latest-run", "wandb/debug.log", "wandb/debug-internal.log"),
    *("wandb/*run-*-{wandb_id}", "wandb/artifacts/staging", "wandb/cache/wandb", WANDB_ID),
    *("logs", "logs-*", "wandb/artifacts", "wandb/cache", "wandb", CONFIG),
)
"""All that a run writes. What marks it as whole goes first, what marks it as a run last: a removal
that is interrupted leaves nothing that could be taken for more than it is. Others keep folders of the
names ``logs`` and ``wandb``, too: what a run writes there goes one by one."""

SHARED_FOLDERS = ("logs", "logs-*", "wandb/artifacts", "wandb/cache", "wandb")
"""Of these what stays where something is left in it."""

WHOLE_FOLDERS = ("checkpoints", FIGURES)
"""What goes with all that is in it; others' folders of these names are refused."""


class RunFolder:
    """Writes a run's files under a temporary name and renames them.

    Args:
        path: The folder; made with the first file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out; the lock goes with the process, however it ends.

        Raises:
            InputError: Another process is at work here, or the file system has no locks.
        """
        made = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        lock = self.path / ".lock"
        try:
            with locked_folder(lock, wait=False):
                try:
                    for name in (".", *WHOLE_FOLDERS):  # of a process that was killed; some are large
                        remove_partial_files(self.path / name)
                    yield
                finally:
                    lock.unlink(missing_ok=True)
        finally:
            if made:
                with suppress(OSError):  # not empty: the run began
                    self.path.rmdir()

    def clear(self) -> None:
        """Remove what an earlier run left behind, and nothing else."""
        if not (self.path / CONFIG).is_file():  # no run: what is here is somebody's
            return
        file = self.path / WANDB_ID
        wandb_id = glob.escape(file.read_text(encoding="utf-8").strip()) if file.is_file() else ""
        for pattern in LEFT_BEHIND:
            for path in self.path.glob(pattern.format(wandb_id=wandb_id)):
                if pattern in SHARED_FOLDERS:
                    with suppress(OSError):  # somebody's files are in it
                        path.rmdir()
                elif path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def write(self, name: str, save: Callable[[Path], Any]) -> Path:
        """Have ``save`` write a file, and give it its name once it is whole.

        Args:
            name: Relative to the folder.
            save: Called with a temporary path of the same suffix.

        Raises:
            InputError: The disk is full.
        """
        file = self.path / name
        try:
            write_whole(file, save)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise InputError(
                f"the disk of {self.path} is full; free some space, and give the same command again"
            ) from error
        return file

    def text(self, name: str, content: str) -> Path:
        """Write a text file, UTF-8."""
        return self.write(name, lambda path: path.write_text(content, encoding="utf-8"))

    def csv(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
        """Write a CSV file, see :func:`csv_text`."""
        return self.text(name, csv_text(columns, rows))

    def json(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write a JSON file; what is not a finite number becomes null, as JSON knows no NaN."""
        return self.text(name, json.dumps(_finite(content), indent=2) + "\n")


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where there is none, or it cannot be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A CSV table with a header that no spreadsheet runs; None becomes an empty cell.

    Texts stand as :func:`~irp_lightning.foundation.cells.as_cell` writes them.
    """
    lines = []
    for row in (dict(zip(columns, columns, strict=True)), *rows):
        stream = io.StringIO()
        # With the writer's own line end, \r\n, a cell that holds either of the two is quoted.
        writer = csv.DictWriter(stream, columns)
        writer.writerow({column: as_cell(value) for column, value in row.items()})
        lines.append(stream.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def csv_rows(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV table that :func:`csv_text` has written, as text by column.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no table.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            lines = csv.reader(stream)
            columns = [from_cell(column) for column in next(lines, [])]
            return [dict(zip_longest(columns, map(from_cell, line))) for line in lines if line]
    except csv.Error as error:
        raise ValueError(f"{file} is not a table ({error})") from error


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
