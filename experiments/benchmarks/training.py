"""The training loop against a bare PyTorch loop on the same tensors, for both presets.

python experiments/benchmarks/training.py [--preset differnet_small] [--compile]
"""

import argparse
import logging
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import lightning as L
import torch
from common.inputs import experiment
from paired import report

from irp_lightning.config.experiment import Experiment
from irp_lightning.detectors.build import build_detector
from irp_lightning.detectors.fit import fit
from irp_lightning.detectors.flow import PRECISIONS, nll
from irp_lightning.features.batches import RefinableData, TrainingBatches
from irp_lightning.features.image_features import ResidentFeatures

# Length of a feature vector, images: SqueezeNet's, and paper size on AlexNet.
PRESETS = {"differnet_small": (1536, 960), "differnet": (768, 288)}

VIEWS = 4


def preset(name: str, batch: int = 96, compile: bool = False, precision: str = "fp32") -> Experiment:
    """The configuration of a preset."""
    model = [f"model={name}", f"model.compile={compile}", f"model.precision={precision}"]
    return experiment(*model, f"batch_size={batch}")


def step(module: L.LightningModule, optimiser: torch.optim.Optimizer, features: torch.Tensor) -> None:
    """One training step on ``(batch, views, dim)`` features."""
    optimiser.zero_grad()
    nll(*module(features)).mean().backward()
    optimiser.step()
    module.on_train_batch_end(None, None, 0)


class StepTimes(L.Callback):
    """How long each epoch's steps took."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.began = time.perf_counter()

    def on_train_batch_end(self, *args: object) -> None:
        self.ended = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
            self.ended = time.perf_counter()
        self.epochs.append(self.ended - self.began)


def lightning_epochs(
    features: torch.Tensor, module: L.LightningModule, e: Experiment, epochs: int
) -> list[float]:
    count, times = len(features), StepTimes()
    data = RefinableData(
        ResidentFeatures(features),
        list(range(count)),
        [],
        batch_size=e.batch_size,
        n_transforms=VIEWS,
        n_transforms_test=VIEWS,
        seed=0,
    )
    fit(module, data, e.trainer, epochs=epochs, callbacks=[times])
    return times.epochs


def bare_epochs(
    features: torch.Tensor, module: L.LightningModule, e: Experiment, epochs: int
) -> list[float]:
    module.to(features.device)
    optimiser = module.configure_optimizers()
    source, images = ResidentFeatures(features), torch.arange(len(features))
    seconds = []
    for epoch in range(epochs):
        began = time.perf_counter()
        for x, _ in TrainingBatches(source, images, e.batch_size, VIEWS, epoch):
            step(module, optimiser, x)
        if features.is_cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return seconds


def measure(
    name: str, batch: int, epochs: int, repeats: int, compile: bool, precision: str = "fp32"
) -> dict[str, object]:
    """A row of the table: a preset's step in both loops."""
    dim, count = PRESETS[name]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    features = torch.randn(count, 8, dim, device=device)
    e = preset(name, batch, compile, precision)
    seconds: dict[str, list[float]] = {"bare": [], "lightning": []}
    for _ in range(repeats):
        for loop, of in (("bare", bare_epochs), ("lightning", lightning_epochs)):
            module = build_detector(e.model, dim, seed=0)
            # The first epoch of each is its warm-up.
            seconds[loop] += of(features, module, e, epochs + 1)[1:]
    steps = -(-count // batch)
    bare, ours = (torch.tensor(found).median().item() / steps for found in seconds.values())
    return {
        "preset": name,
        "device": device,
        "compile": compile,
        "precision": precision,
        "batch": batch,
        "bare ms/step": 1e3 * bare,
        "lightning ms/step": 1e3 * ours,
        "ratio": ours / bare,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too")
    parser.add_argument("--precision", choices=PRECISIONS, nargs="+", default=["fp32"])
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rows = [
        measure(name, chosen.batch, chosen.epochs, chosen.repeats, compile, precision)
        for name in chosen.preset
        for precision in chosen.precision
        for compile in ([False, True] if chosen.compile else [False])
    ]
    report(f"training step, {VIEWS} views an image", rows, "training")


if __name__ == "__main__":
    main()
