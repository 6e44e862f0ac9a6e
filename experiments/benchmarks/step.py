"""Where a training step's time goes, and the least it could take on the same cores.

python experiments/benchmarks/step.py [--preset NAME] [--batch 96] [--threads 1] [--bf16] [--compile]

The floor is that of the arithmetic nobody can leave out: the subnets' matrix products, forward and
backward, as plain products of the same shapes, and Adam's traffic (weights, gradients and both moments
read, all but the gradients written) at the bandwidth of a large copy; that of bf16 has its products in
bf16. With one thread, times are the processor's.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from FrEIA.modules import PermuteRandom
from paired import medians, report
from torch import nn
from training import PRESETS, VIEWS, preset, step

from irp_lightning.detectors import flow
from irp_lightning.detectors.build import build_detector
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import nll
from irp_lightning.features.batches import TrainingBatches
from irp_lightning.features.image_features import ResidentFeatures

PRODUCTS = "matrix products alone"

ADAM = 4 + 3
"""Times every parameter's four bytes are read and written by Adam."""


def products(module: DifferNet, vectors: int, dtype: torch.dtype) -> Callable[[], None]:
    """The matrix products of a step, and nothing else."""
    layers = [part for part in module.flow.modules() if isinstance(part, nn.Linear)]
    inputs = {n: torch.randn(vectors, n).to(dtype) for n in {layer.in_features for layer in layers}}
    outputs = {n: torch.randn(vectors, n).to(dtype) for n in {layer.out_features for layer in layers}}
    weights = [layer.weight.detach().to(dtype) for layer in layers]

    def run() -> None:
        for weight in weights:
            out, into = weight.shape
            inputs[into] @ weight.T
            outputs[out] @ weight
            outputs[out].T @ inputs[into]

    return run


def copied(clock: Callable[[], float]) -> float:
    """Bytes a second that a large copy reads and writes."""
    source = torch.ones(2**26)
    target = torch.empty_like(source)
    return 2 * source.nbytes / medians({"copy": lambda: target.copy_(source)}, 7, clock=clock)["copy"]


def measure(
    name: str, batch: int, repeats: int, bf16: bool, compile: bool, clock: Callable[[], float]
) -> None:
    """Print and keep the table of a preset."""
    dim, _ = PRESETS[name]
    features = torch.randn(batch, VIEWS, dim)

    def detector(**changed: object) -> tuple[DifferNet, torch.optim.Optimizer]:
        e = preset(name, batch)
        e.model.rest.update(changed)
        module = build_detector(e.model, dim, seed=0)
        assert isinstance(module, DifferNet)
        return module, module.configure_optimizers()

    module, optimiser = detector()
    trained = [p for p in module.parameters() if p.requires_grad]
    theirs = flow.Permutation
    flow.Permutation = PermuteRandom  # type: ignore[misc, assignment]
    before = detector()
    flow.Permutation = theirs  # type: ignore[misc]
    steps = {"step": (module, optimiser), "step with FrEIA's permutation": before}
    if bf16:
        steps["step, model.precision=bf16"] = detector(precision="bf16")
    if compile:
        steps["step, model.compile=true"] = detector(compile=True)
    source = ResidentFeatures(torch.randn(batch, 2 * VIEWS, dim))
    epoch = TrainingBatches(source, torch.arange(batch), batch, VIEWS, seed=0)
    loop = torch.optim.Adam(trained, foreach=False)
    foreach = torch.optim.Adam(trained, foreach=True)

    def loss() -> torch.Tensor:
        return nll(*module(features)).mean()

    loss().backward()
    parts: dict[str, Callable[[], object]] = {
        PRODUCTS: products(module, batch * VIEWS, torch.float32),
        "forward": loss,
        "forward and backward": lambda: loss().backward(),
        "Adam, fused (as it is)": optimiser.step,
        "Adam, foreach": foreach.step,
        "Adam, a loop": loop.step,
        "views drawn and copied": lambda: list(epoch),
        "average of the weights": lambda: module.on_train_batch_end(None, None, 0),
    }
    if bf16:
        parts[f"{PRODUCTS}, in bf16"] = products(module, batch * VIEWS, torch.bfloat16)
    for way, (of, adam) in steps.items():
        parts[way] = lambda of=of, adam=adam: step(of, adam, features)
    seconds = medians(parts, repeats, clock=clock)
    traffic = sum(p.numel() for p in trained) * 4 * ADAM / copied(clock)
    floor = seconds[PRODUCTS] + traffic
    floors = {"floor": floor}
    if bf16:
        floors["floor, bf16"] = seconds[f"{PRODUCTS}, in bf16"] + traffic
    rows = [
        {
            "preset": name,
            "batch": batch,
            "threads": torch.get_num_threads(),
            "part": part,
            "ms": 1e3 * value,
            "of the floor": value / floor,
        }
        for part, value in {**seconds, **floors}.items()
    ]
    report(f"a training step of {batch} images × {VIEWS} views", rows, f"step_{name}_{batch}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--bf16", action="store_true", help="measure model.precision=bf16 and its floor too"
    )
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    clock = time.process_time if chosen.threads == 1 else time.perf_counter
    for name in chosen.preset:
        measure(name, chosen.batch, chosen.repeats, chosen.bf16, chosen.compile, clock)


if __name__ == "__main__":
    main()
