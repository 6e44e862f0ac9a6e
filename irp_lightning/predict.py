"""Score images with a trained detector: ``python -m irp_lightning.predict RUN_FOLDER IMAGES...``."""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.listing import image_files
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable

if TYPE_CHECKING:  # imported when it is needed: help must not wait for torch
    from torch import Tensor

__all__ = ["main", "predict"]


def predict(checkpoint: Path, images: Sequence[Path], *, own_backbone: bool = False) -> "Tensor":
    """Anomaly scores of images, higher is more anomalous: (len(images),).

    Args:
        checkpoint: A run folder, or its ``checkpoints/last.ckpt``.
        images: Image files.
        own_backbone: Call a function of the user's that the checkpoint names as its backbone.

    Raises:
        InputError: An image has no score, or there is no checkpoint to load.
    """
    import torch

    from irp_lightning.detectors.checkpoint import load_detector
    from irp_lightning.detectors.prediction import score_files

    scores = []
    for path, score in score_files(load_detector(checkpoint, own_backbone=own_backbone), images):
        if isinstance(score, InputError):
            raise InputError(_complaint(path, score)) from score
        scores.append(score)
    return torch.tensor(scores)


def main(arguments: list[str] | None = None) -> None:
    """The command line: prints ``path,score`` as CSV, and writes heat maps where asked to.

    An image that has no score does not stop the others: it is named at the end, and the status is 1.
    """
    parser = argparse.ArgumentParser(prog="python -m irp_lightning.predict", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="run folder, or its checkpoints/last.ckpt")
    parser.add_argument("images", type=Path, nargs="+", help="image files, or folders of them")
    parser.add_argument(
        "--heat-maps",
        type=Path,
        metavar="DIR",
        help="write each image there as PNG, with the pixels that its score comes from in colour",
    )
    parser.add_argument(
        "--own-backbone",
        action="store_true",
        help="call the function that the checkpoint names as its backbone: one of yours, that you trust",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help="larger images have no score (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    try:
        wrong = _print_scores(
            chosen.checkpoint,
            _files(chosen.images),
            chosen.heat_maps,
            chosen.own_backbone,
            chosen.max_pixels,
        )
    except InputError as error:
        wrong = [str(error)]
    if wrong:
        raise SystemExit("\n".join(f"irp_lightning: {line}" for line in wrong))


def _files(paths: Sequence[Path]) -> list[Path]:
    files = [file for path in paths for file in (image_files(path) if path.is_dir() else [path])]
    if not files:
        raise InputError(f"no images in {', '.join(map(str, paths))}")
    return files


def _print_scores(
    checkpoint: Path, images: list[Path], heat_maps: Path | None, own_backbone: bool, max_pixels: int
) -> list[str]:
    """Print the scores, write the heat maps; what went wrong with which image, in one line each."""
    from irp_lightning.detectors.checkpoint import load_detector
    from irp_lightning.detectors.prediction import score_files
    from irp_lightning.localisation.heat_map_folder import check_heat_map_folder, write_heat_maps

    if heat_maps is not None:
        try:
            check_heat_map_folder(heat_maps, images)
        except InputError as error:
            raise InputError(f"--heat-maps {error}") from error
    loaded = load_detector(checkpoint, own_backbone=own_backbone)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["path", "score"])
    scored, wrong = [], []
    for path, score in score_files(loaded, images, max_pixels):
        if isinstance(score, InputError):
            wrong.append(_complaint(path, score))
            continue
        scored.append(path)
        writer.writerow([printable(path), score])
        sys.stdout.flush()
    # The scores first: they are there already, and each heat map takes its time.
    if heat_maps is not None and scored:
        try:
            write_heat_maps(loaded.detector, loaded.extractor, scored, loaded.n_views, heat_maps)
        except InputError as error:
            wrong.append(str(error))
    return wrong


def _complaint(path: Path, error: InputError) -> str:
    return str(error) if str(error).startswith(str(path)) else f"{path}: {error}"


if __name__ == "__main__":
    main()
