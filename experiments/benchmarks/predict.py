"""Scoring image files against the bare backbone on the same pictures, in one process.

python experiments/benchmarks/predict.py --detector CKPT --images FOLDER [--count 64]
"""

import argparse
from itertools import islice
from pathlib import Path

import torch
from paired import medians, report

from irp_lightning.data.files.images import load_square
from irp_lightning.data.files.listing import image_files
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.detectors.prediction import score_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    loaded = load_detector(chosen.detector)
    extractor, spec = loaded.extractor, loaded.extractor.spec
    paths = list(islice(image_files(chosen.images), chosen.count))
    squares = [load_square(path, spec.image_size, spec.crop, spec.numbers) for path in paths]
    with torch.no_grad():
        views = [extractor.views(square[None], extractor.angles[None]) for square in squares]

    @torch.no_grad()
    def backbone() -> None:
        for view in views:
            extractor.backbone(view)

    seconds = medians(
        {"backbone": backbone, "predict": lambda: list(score_files(loaded, paths))}, chosen.repeats
    )
    rows = [
        {
            "detector": type(loaded.detector).__name__,
            "px": spec.image_size,
            "images": len(paths),
            "backbone images/s": len(paths) / seconds["backbone"],
            "predict images/s": len(paths) / seconds["predict"],
            "ratio": seconds["backbone"] / seconds["predict"],
        }
    ]
    report("scoring files", rows, "predict")


if __name__ == "__main__":
    main()
