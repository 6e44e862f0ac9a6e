"""Training on the bank against training on live rotations: the same images, the same scores.

python experiments/benchmarks/live.py --images FOLDER --weights squeezenet1_1.pth
"""

import argparse
import time
from pathlib import Path

import torch
from extraction import extractor
from paired import report

from irp_lightning.features.batches import TrainingBatches
from irp_lightning.data.samples import image_files
from irp_lightning.features.extraction import default_workers, extract
from irp_lightning.features.image_features import FeatureSource, LiveFeatures, ResidentFeatures
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import nll

HERE = Path(__file__).parent


def epoch(
    source: FeatureSource,
    images: torch.Tensor,
    module: DifferNet,
    optimiser: torch.optim.Optimizer,
    number: int,
) -> float:
    began = time.perf_counter()
    for x, _ in TrainingBatches(source, images, 96, 4, number):
        optimiser.zero_grad()
        nll(*module(x)).mean().backward()
        optimiser.step()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
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
    features = torch.empty(len(paths), 8, network.dim)
    for i, value in extract(paths, network, workers=default_workers(), device=device):
        features[i] = value
    extraction = time.perf_counter() - began
    bank, live = ResidentFeatures(features.to(device)), LiveFeatures(paths, network, default_workers())

    module = DifferNet(network.dim, hidden=256).to(device)
    optimiser = module.configure_optimizers()
    on_bank = [epoch(bank, images, module, optimiser, k) for k in range(chosen.epochs)]
    on_live = [epoch(live, images, module, optimiser, k) for k in range(chosen.live_epochs)]
    live_mean = sum(on_live) / len(on_live)

    some = torch.arange(min(16, len(paths)))
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
    report("bank against live, SqueezeNet, 8 views", [row], HERE / "results" / "live.csv")


if __name__ == "__main__":
    main()
