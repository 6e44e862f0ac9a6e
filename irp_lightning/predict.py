"""Score images with a trained detector: ``python -m irp_lightning.predict RUN_FOLDER IMAGES...``."""

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import get_class, instantiate
from torch import Tensor

from irp_lightning.data.samples import image_files
from irp_lightning.foundation.errors import InputError
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.image_features import LiveFeatures
from irp_lightning.localisation.heat_map_folder import check_heat_map_folder, write_heat_maps

__all__ = ["load_detector", "main", "predict"]

BATCH_SIZE = 16


def load_detector(checkpoint: Path) -> tuple[L.LightningModule, FeatureExtractor, int]:
    """Rebuild a detector from its checkpoint, which holds all that it needs.

    Args:
        checkpoint: A run's ``checkpoints/last.ckpt``, or the run folder.

    Returns:
        The detector in evaluation mode, what turns images into its features, and how many of the
        fixed views a score is averaged over.

    Raises:
        InputError: The file is missing, damaged, or not a checkpoint of this project.
    """
    file = checkpoint / "checkpoints" / "last.ckpt" if checkpoint.is_dir() else checkpoint
    if not file.is_file():
        raise InputError(f"{file} is not a file; give a run folder or its checkpoints/last.ckpt")
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        carried = state["RefinableData"]["carried"]
        # A checkpoint names its class; nothing but a LightningModule is built from it.
        if not issubclass(get_class(carried["model"]["_target_"]), L.LightningModule):
            raise TypeError(f"{carried['model']['_target_']} is not a LightningModule")
        module: L.LightningModule = instantiate(carried["model"])
        module.load_state_dict(state["state_dict"])
        extractor = FeatureExtractor.restore(carried["extractor"])
        n_transforms = int(carried["n_transforms_test"])
    except Exception as error:  # a file from anywhere can be wrong in any way
        raise InputError(
            f"{file} is not a whole checkpoint of irp_lightning ({type(error).__name__}); "
            "give a run folder or its checkpoints/last.ckpt"
        ) from error
    return module.eval(), extractor.eval(), n_transforms


def predict(checkpoint: Path, images: list[Path]) -> Tensor:
    """Anomaly scores of images, higher is more anomalous: (len(images),)."""
    return _score(*load_detector(checkpoint), images)


@torch.no_grad()
def _score(
    module: L.LightningModule, extractor: FeatureExtractor, n_transforms: int, images: list[Path]
) -> Tensor:
    source = LiveFeatures(images, extractor, os.cpu_count() or 1)
    batches = torch.arange(len(images)).split(BATCH_SIZE)
    return torch.cat(
        [module.score(source.scored(batch)[:, :n_transforms]) for batch in batches]  # type: ignore[operator]
    )


def main(arguments: list[str] | None = None) -> None:
    """The command line: prints ``path,score`` as CSV, and writes heat maps where asked to."""
    parser = argparse.ArgumentParser(prog="python -m irp_lightning.predict", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="run folder, or its checkpoints/last.ckpt")
    parser.add_argument("images", type=Path, nargs="+", help="image files, or folders of them")
    parser.add_argument(
        "--heat-maps",
        type=Path,
        metavar="DIR",
        help="write each image there as PNG, with the pixels that its score comes from in colour",
    )
    chosen = parser.parse_args(arguments)
    try:
        images = [
            file for path in chosen.images for file in (image_files(path) if path.is_dir() else [path])
        ]
        if not images:
            raise InputError(f"no images in {', '.join(map(str, chosen.images))}")
        if chosen.heat_maps is not None:
            check_heat_map_folder(chosen.heat_maps, images)
        module, extractor, n_transforms = load_detector(chosen.checkpoint)
        scores = _score(module, extractor, n_transforms, images)
        # The scores first: they are there already, and each heat map takes its time.
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["path", "score"])
        writer.writerows((str(path), score) for path, score in zip(images, scores.tolist(), strict=True))
        if chosen.heat_maps is not None:
            sys.stdout.flush()
            score: Any = module.score
            write_heat_maps(score, extractor, images, n_transforms, chosen.heat_maps)
    except InputError as error:
        raise SystemExit(f"irp_lightning: {error}") from None


if __name__ == "__main__":
    main()
