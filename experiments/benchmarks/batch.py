"""What a training step at batch 48 takes of a step at batch 96.

More than half: Adam's work is the same for every batch.

python experiments/benchmarks/batch.py [--preset differnet]
"""

import argparse
from functools import partial

import torch
from paired import medians, report
from training import PRESETS, VIEWS, preset, step

from irp_lightning.detectors.build import build_detector

FULL, HALF = 96, 48


def measure(name: str, repeats: int) -> dict[str, object]:
    dim, _ = PRESETS[name]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = build_detector(preset(name).model, dim, seed=0).to(device)
    optimiser = module.configure_optimizers()
    features = torch.randn(FULL, VIEWS, dim, device=device)
    full, half = medians(
        {str(n): partial(step, module, optimiser, features[:n]) for n in (FULL, HALF)}, repeats
    ).values()
    return {
        "preset": name,
        "device": device,
        "threads": torch.get_num_threads(),
        f"batch {FULL} ms/step": 1e3 * full,
        f"batch {HALF} ms/step": 1e3 * half,
        "ratio": half / full,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--repeats", type=int, default=9)
    chosen = parser.parse_args()
    rows = [measure(name, chosen.repeats) for name in chosen.preset]
    report(f"a step of {HALF} images against one of {FULL}", rows, "batch")


if __name__ == "__main__":
    main()
