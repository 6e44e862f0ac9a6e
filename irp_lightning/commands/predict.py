"""Score images with a trained detector: ``irp-lightning predict DETECTOR IMAGES...``."""

import argparse
import csv
import glob
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.readers.folder import list_photographs
from irp_lightning.foundation.cells import as_cell, from_cell
from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.interrupts import until_it_is_imported
from irp_lightning.foundation.names import named_file, printable

if TYPE_CHECKING:  # imported when it is needed: help must not wait for torch
    from irp_lightning.detectors.conformal import Calibration

__all__ = ["main"]

JUDGED = ("percentile", "decision", "threshold")
"""Columns of a detector that was given a threshold."""

EPILOGUE = """\
Prints path,score; for a detector with a threshold (irp-lightning clean) also percentile (the share of
good training images that score lower, comparable between detectors), decision (normal or defective) and
threshold. A folder is read with its sub-folders, as irp-lightning clean reads it. Memory
does not grow with the number of images. Differences of an image from the training images (colour or
grey, bit depth, size, aspect) are reported on standard error, once a kind.

exit status: 0, whatever the decisions; 1 if an image has no score, or nothing could be done; 2 for wrong
arguments; 130 if interrupted; 141 if the reader exited.
"""


def main(arguments: list[str] | None = None) -> None:
    """The command line: a row for each image, and heat maps where asked to.

    An image that has no score does not stop the others: it is named at the end, and the status is 1.
    """
    chosen = _parser().parse_args(arguments)
    with ends_in_one_line():
        wrong = _print_scores(chosen)
    if wrong:
        raise SystemExit("\n".join(f"irp_lightning: {line}" for line in wrong))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="irp-lightning predict",
        description=__doc__,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint", type=Path, help="detector.ckpt, a run folder, or its checkpoints/last.ckpt"
    )
    parser.add_argument(
        "images",
        nargs="+",
        help="image files, folders of them, patterns such as 'new/*.png', or - for names on standard "
        "input",
    )
    parser.add_argument(
        "--heat-maps",
        type=Path,
        metavar="DIR",
        help="write each image there as a PNG, overlaid with its anomaly map",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line, not CSV")
    parser.add_argument(
        "--false-alarms",
        type=_share,
        metavar="SHARE",
        help="use the threshold that this share of good parts may exceed, not the detector's own",
    )
    parser.add_argument(
        "--own-code",
        action="store_true",
        help="import the detector or backbone that the checkpoint names: for your own code only",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help="larger images have no score (default: %(default)s)",
    )
    return parser


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share between 0 and 1")
    return value


def _files(given: Sequence[str]) -> Iterator[Path]:
    """The image files that are meant, one after the other: names on standard input as they come."""
    for name in given:
        if not name:  # as of a shell's variable that is not set; Path makes the current folder of it
            raise InputError("empty image path; give files, folders or patterns")
        if name == "-":
            lines = sys.stdin.buffer
            names = (os.fsdecode(line.rstrip(b"\r\n")) for line in lines if line.strip())
            yield from map(_named, names)
        # Path.is_dir and Path.exists raise where a folder may not be entered: that is one bad file.
        elif os.path.isdir(name):  # noqa: PTH112
            _, photographs, remarks = list_photographs(Path(name))
            for remark in remarks:
                _report(f"{printable(name)}: {remark.text}")
            yield from photographs
        elif not os.path.exists(name) and glob.has_magic(name):  # noqa: PTH110
            # What matches nothing is told as a file that is not there, as shells do.
            yield from map(Path, sorted(glob.glob(name, recursive=True)) or [name])  # noqa: PTH207
        else:
            yield _named(name)


def _named(name: str) -> Path:
    """The file of a name that a table may have escaped, or begun with an apostrophe."""
    file = named_file(Path(), name)
    return file if os.path.lexists(file) else named_file(Path(), from_cell(name))


def _report(line: str) -> None:
    print(f"irp_lightning: {line}", file=sys.stderr, flush=True)


def _print_scores(chosen: argparse.Namespace) -> list[str]:
    """Print the scores, write the heat maps; what went wrong with which image, in one line each."""
    with until_it_is_imported():
        from irp_lightning.detectors.checkpoint import load_detector
        from irp_lightning.detectors.new_photograph import Differences
        from irp_lightning.detectors.prediction import score_files
        from irp_lightning.localisation.heat_map_folder import check_heat_map_folder, write_heat_maps

    files: Iterable[Path] = _files(chosen.images)
    if "-" not in chosen.images:
        files = list(files)
        if not files:
            raise InputError(f"no images in {', '.join(chosen.images)}")
    heat_maps: Path | None = chosen.heat_maps
    if heat_maps is not None:
        files = list(files)
        try:
            check_heat_map_folder(heat_maps, files)
        except InputError as error:
            raise InputError(f"--heat-maps {error}") from error
    loaded = load_detector(chosen.checkpoint, own_code=chosen.own_code)
    calibration = loaded.calibration
    if chosen.false_alarms is not None:
        if calibration is None:
            raise InputError(
                f"--false-alarms {chosen.false_alarms}: {chosen.checkpoint} has no calibration; "
                "train it with irp-lightning clean, or with false_alarms=0.01"
            )
        calibration = calibration.at(chosen.false_alarms)
    if calibration is not None and calibration.shortfall is not None:
        asked = f"--false-alarms {chosen.false_alarms}: " if chosen.false_alarms is not None else ""
        _report(asked + calibration.shortfall)
    if loaded.appearance is None:
        _report(
            f"{chosen.checkpoint} does not describe its training photographs: new ones are not "
            "compared with them"
        )
    rows, differences = _Rows(chosen.json, calibration), Differences(_report)
    scored, wrong = [], []
    for path, score in score_files(loaded, files, chosen.max_pixels, differences.note):
        if isinstance(score, InputError):
            wrong.append(_complaint(path, score))
            continue
        if heat_maps is not None:
            scored.append(path)
        rows.write(path, score)
    differences.close()
    # The scores first: they are there already, and each heat map takes its time.
    if heat_maps is not None and scored:
        try:
            write_heat_maps(loaded, scored, heat_maps, chosen.max_pixels)
        except InputError as error:
            wrong.append(str(error))
    return wrong


class _Rows:
    """Rows on standard output, each as soon as it is known.

    Args:
        as_json: JSON lines instead of CSV.
        calibration: What a score means; None: the score is all there is.
    """

    def __init__(self, as_json: bool, calibration: "Calibration | None") -> None:
        self.as_json, self.calibration = as_json, calibration
        self.csv = csv.writer(sys.stdout, lineterminator="\n")
        if not as_json:
            self.csv.writerow(["path", "score", *(JUDGED if calibration is not None else ())])

    def write(self, path: Path, score: float) -> None:
        """One image."""
        row: dict[str, object] = {"path": printable(path), "score": score}
        if (known := self.calibration) is not None:
            percentile = round(known.percentile_of(score), 2)
            decision = "defective" if score > known.threshold else "normal"
            row |= dict(zip(JUDGED, (percentile, decision, known.threshold), strict=True))
        if self.as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            self.csv.writerow(map(as_cell, row.values()))
        sys.stdout.flush()


def _complaint(path: Path, error: InputError) -> str:
    name = printable(path)
    return str(error) if str(error).startswith(name) else f"{name}: {error}"
