"""Training on the bank against training on live rotations: the same images, the same scores.

python experiments/benchmarks/live.py --images FOLDER --weights squeezenet1_1.pth
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lightning as L
import torch
from extraction import extractor
from paired import report
from training import VIEWS, preset, step

from irp_lightning.data.files.listing import image_files
from irp_lightning.detectors.build import build_detector
from irp_lightning.features.batches import TrainingBatches
from irp_lightning.features.extraction import default_workers, extract
from irp_lightning.features.image_features import ImageFeatures, LiveFeatures, ResidentFeatures


def epochs(
    features: ImageFeatures, images: torch.Tensor, module: L.LightningModule, numbers: Sequence[int]
) -> list[float]:
    """Seconds of each epoch on some images."""
    optimiser = module.configure_optimizers()
    seconds = []
    for number in numbers:
        began = time.perf_counter()
        for x, _ in TrainingBatches(features, images, 96, VIEWS, number):
            step(module, optimiser, x)
        seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--weights")
    parser.add_argument("--backbone", default="squeezenet1_1")
    parser.add_argument("--size", type=int, default=448)
    parser.add_argument("--live-epochs", type=int, default=3, help="timed; the others cost the same")
    parser.add_argument("--epochs", type=int, default=20)
    chosen = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    paths = image_files(chosen.images)[: chosen.count]
    images = torch.arange(len(paths))
    network = extractor(chosen.backbone, chosen.weights, chosen.size, 8).to(device)

    began = time.perf_counter()
    vectors = extract(paths, network, workers=default_workers(), device=device)
    features = torch.stack([vector for _, vector in vectors])
    extraction = time.perf_counter() - began
    bank = ResidentFeatures(features.to(device))
    live = LiveFeatures(paths, network, ThreadPoolExecutor(default_workers()))

    module = build_detector(preset("differnet_small").model, network.dim, seed=0).to(device)
    on_bank = epochs(bank, images, module, range(chosen.epochs))
    on_live = epochs(live, images, module, range(chosen.live_epochs))
    live_mean = sum(on_live) / len(on_live)

    some = images[:16]
    with torch.no_grad():
        scores = [module.score(source.scored(some)) for source in (bank, live)]
    error = ((scores[0] - scores[1]) / scores[1]).abs().max().item()
    even = next(
        (k for k in range(1, chosen.epochs + 1) if extraction + sum(on_bank[:k]) < live_mean * k), None
    )
    row = {
        "images": len(paths),
        "device": device.type,
        "extraction s": extraction,
        f"bank {chosen.epochs} epochs s": sum(on_bank),
        f"live {chosen.epochs} epochs s (from {chosen.live_epochs})": live_mean * chosen.epochs,
        "live / bank": live_mean * chosen.epochs / sum(on_bank),
        "cheaper in total from epoch": even,
        "relative score error": error,
    }
    report(f"bank against live, {chosen.backbone}, 8 views", [row], "live")


if __name__ == "__main__":
    main()
