"""The training loop against a bare PyTorch loop on the same tensors, for both presets.

python experiments/benchmarks/training.py [--preset differnet_small] [--compile]
"""

import argparse
import logging
import time
import warnings
from pathlib import Path

import lightning as L
import torch
from paired import report

from irp_lightning.features.batches import RefinableData, TrainingBatches
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import nll
from irp_lightning.refinement.callback import IterativeRefinement

HERE = Path(__file__).parent
# Length of a feature vector, images, hidden width: small on SqueezeNet, paper size on AlexNet.
PRESETS = {"differnet_small": (1536, 960, 256), "differnet": (768, 288, 2048)}


class StepTimes(L.Callback):
    """When each training epoch began and ended, scoring left out."""

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


def lightning_epochs(features: torch.Tensor, module: DifferNet, batch: int, epochs: int) -> list[float]:
    count = len(features) - 8
    times = StepTimes()
    refinement = IterativeRefinement(epochs=epochs)
    data = RefinableData(
        ResidentFeatures(features),
        list(range(count)),
        list(range(count, count + 8)),
        batch_size=batch,
        n_transforms=4,
        n_transforms_test=8,
        seed=0,
    )
    L.Trainer(
        max_epochs=epochs,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[times, refinement],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    ).fit(module, datamodule=data)
    return times.epochs


def bare_epochs(features: torch.Tensor, module: DifferNet, batch: int, epochs: int) -> list[float]:
    module.to(features.device)
    optimiser = module.configure_optimizers()
    images = torch.arange(len(features) - 8)
    seconds = []
    for epoch in range(epochs):
        began = time.perf_counter()
        for x, _ in TrainingBatches(ResidentFeatures(features), images, batch, 4, epoch):
            optimiser.zero_grad()
            nll(*module(x)).mean().backward()
            optimiser.step()
        if features.is_cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return seconds


def measure(preset: str, batch: int, epochs: int, repeats: int, compile: bool) -> dict[str, object]:
    dim, count, hidden = PRESETS[preset]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    features = torch.randn(count + 8, 8, dim, device=device)
    seconds: dict[str, list[float]] = {"bare": [], "lightning": []}
    for _ in range(repeats):
        for name, loop in (("bare", bare_epochs), ("lightning", lightning_epochs)):
            module = DifferNet(dim, hidden=hidden, compile=compile)
            # The first epoch of each is its warm-up.
            seconds[name] += loop(features, module, batch, epochs + 1)[1:]
    steps = -(-count // batch)
    bare, ours = (torch.tensor(seconds[name]).median().item() / steps for name in ("bare", "lightning"))
    return {
        "preset": preset,
        "device": device,
        "compile": compile,
        "batch": batch,
        "bare ms/step": 1e3 * bare,
        "lightning ms/step": 1e3 * ours,
        "ratio": ours / bare,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rows = [
        measure(preset, chosen.batch, chosen.epochs, chosen.repeats, compile)
        for preset in chosen.preset
        for compile in ([False, True] if chosen.compile else [False])
    ]
    report("training step, 4 views an image", rows, HERE / "results" / "training.csv")


if __name__ == "__main__":
    main()
