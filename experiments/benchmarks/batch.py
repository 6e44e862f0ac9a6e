"""What a training step at batch 48 takes of a step at batch 96.

More than half: Adam's work is the same for every batch.

python experiments/benchmarks/batch.py [--preset differnet]
"""

import argparse
from functools import partial
from pathlib import Path

import torch
from paired import medians, report
from training import PRESETS

from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import nll

HERE = Path(__file__).parent
VIEWS = 4
FULL, HALF = 96, 48


def step(module: DifferNet, optimiser: torch.optim.Optimizer, features: torch.Tensor) -> None:
    """One training step on ``(batch, views, dim)`` features."""
    optimiser.zero_grad()
    nll(*module(features)).mean().backward()
    optimiser.step()


def measure(preset: str, repeats: int) -> dict[str, object]:
    dim, _, hidden = PRESETS[preset]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = DifferNet(dim, hidden=hidden).to(device)
    optimiser = module.configure_optimizers()
    features = torch.randn(FULL, VIEWS, dim, device=device)
    full, half = medians(
        {str(n): partial(step, module, optimiser, features[:n]) for n in (FULL, HALF)}, repeats
    ).values()
    return {
        "preset": preset,
        "device": device,
        "threads": torch.get_num_threads(),
        f"batch {FULL} ms/step": 1e3 * full,
        f"batch {HALF} ms/step": 1e3 * half,
        "ratio": half / full,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--repeats", type=int, default=9)
    chosen = parser.parse_args()
    rows = [measure(preset, chosen.repeats) for preset in chosen.preset]
    report(f"a step of {HALF} images against one of {FULL}", rows, HERE / "results" / "batch.csv")


if __name__ == "__main__":
    main()
