"""All that wants a GPU, in one command: extraction, the step at paper size, one full run.

python experiments/benchmarks/gpu.py --root MVTEC_ROOT --category bottle [--weights alexnet.pth]

Beside the measured step stands its floor by memory bandwidth: at batch 96 × 4 views a step must at
least read the parameters for the forward pass, read them and write gradients in the backward pass, and
read parameters, gradients and both of Adam's moments and write all but the gradients back. The
bandwidth is measured too, by copying a tensor of a gibibyte.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch
from extraction import extractor, throughput
from paired import medians, report
from training import measure

from irp_lightning.data.files.listing import image_files
from irp_lightning.detectors.differnet import DifferNet

PASSES = 2 + 1 + 4 + 3
"""Times every parameter's four bytes cross the memory bus in one step, at least."""


def bandwidth() -> float:
    """Bytes per second that a large copy moves, reading and writing."""
    source = torch.empty(2**28, device="cuda")
    target = torch.empty_like(source)
    seconds = medians({"copy": lambda: target.copy_(source)}, repeats=20, warmup=3)["copy"]
    return 2 * source.numel() * source.element_size() / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--category", default="bottle")
    parser.add_argument("--backbone", default="alexnet")
    parser.add_argument("--weights")
    parser.add_argument("--epochs", type=int, default=400)
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("gpu.py: no CUDA device; the other scripts in this folder run on a CPU")

    paths = image_files(chosen.root / chosen.category / "train" / "good")
    network = extractor(chosen.backbone, chosen.weights, 448, 8)
    throughput(paths, network, torch.device("cuda"), repeats=5)

    with torch.device("meta"):
        parameters = sum(p.numel() for p in DifferNet(768).parameters() if p.requires_grad)
    floor = 1e3 * PASSES * 4 * parameters / bandwidth()
    rows = []
    for precision, products in (("fp32", "highest"), ("fp32", "high"), ("bf16", "highest")):
        torch.set_float32_matmul_precision(products)
        rows += [
            {
                **measure("differnet", 96, 30, 3, compile, precision),
                "TF32": products == "high",
                "floor ms/step": floor,
                "card": torch.cuda.get_device_name(),
            }
            for compile in (False, True)
        ]
    torch.set_float32_matmul_precision("highest")
    report(f"step at paper size, {parameters / 1e6:.0f} M parameters", rows, "gpu_step")

    weights = [f"backbone.weights={chosen.weights}"] if chosen.weights else []
    began = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, "-m", "irp_lightning.run", "+experiment=mvtec_noise", "noise=0.2"),
            *(f"data.root={chosen.root}", f"data.category={chosen.category}"),
            *(f"backbone={chosen.backbone}", *weights, f"epochs={chosen.epochs}", "logger=csv"),
        ],
        check=True,
    )
    row = {"epochs": chosen.epochs, "seconds": time.perf_counter() - began}
    report("one mvtec_noise run", [row], "gpu_run")


if __name__ == "__main__":
    main()
