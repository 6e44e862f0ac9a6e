"""The bare backbone, and what could make it faster with the same features.

python experiments/benchmarks/backbone.py [--threads 1] [--repeats 5]
python experiments/benchmarks/backbone.py --processes      # two of one thread against one of two

Ways are timed in turns on the same pictures; with one thread, in seconds of the processor, so that what
else runs on the machine counts little. A way is kept where it is at least 1.2 times as fast and its
features differ by at most 1e-4 of their largest value.
"""

import argparse
import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from paired import medians, report
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from irp_lightning.features.networks import architecture

NETWORKS = ("alexnet", "squeezenet1_1", "resnet18", "efficientnet_lite0")
TIMM = {"efficientnet_lite0": "tf_efficientnet_lite0"}
SIZES = {"efficientnet_lite0": 320}
BUILT: dict[str, Callable[[], object]] = {}
"""Networks with their pictures, in each process."""

PASS = 8
"""Pictures that go through at once, as in extraction."""


def network(name: str) -> nn.Module:
    """With random weights, batch norms with statistics that do something, in channels-last layout."""
    torch.manual_seed(0)
    found = architecture(TIMM.get(name, name), 0, "timm" if name in TIMM else "torchvision").eval()
    for part in found.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return found.requires_grad_(False).to(memory_format=torch.channels_last)


def ways(name: str, pictures: Tensor) -> Mapping[str, Callable[[Tensor], Tensor]]:
    """Ways to run a network."""
    plain = network(name)
    found: dict[str, Callable[[Tensor], Tensor]] = {"channels last (as it is)": plain}
    contiguous = network(name).to(memory_format=torch.contiguous_format)
    found["channels first"] = lambda x: contiguous(x.contiguous())
    if any(isinstance(part, nn.BatchNorm2d) for part in plain.modules()) and name not in TIMM:
        found["batch norms folded"] = fuse(network(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network(name), pictures, strict=False)
        found["oneDNN through TorchScript"] = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    torch._inductor.config.freezing = True
    found["torch.compile, weights frozen"] = torch.compile(network(name))
    return found


def first(maps: Tensor | list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    return maps if isinstance(maps, Tensor) else maps[0]


@torch.no_grad()
def measure(name: str, repeats: int, clock: Callable[[], float]) -> list[dict[str, object]]:
    size = SIZES.get(name, 448)
    pictures = torch.randn(PASS, 3, size, size).contiguous(memory_format=torch.channels_last)
    found = ways(name, pictures)
    truth = first(next(iter(found.values()))(pictures)).mean(dim=(2, 3))
    errors = {}
    for way, run in found.items():  # warm up, and compile
        features = first(run(pictures)).mean(dim=(2, 3))
        errors[way] = ((features - truth).abs().max() / truth.abs().max()).item()
        run(pictures)
    seconds = medians({way: partial(run, pictures) for way, run in found.items()}, repeats, clock=clock)
    as_it_is = next(iter(seconds.values()))
    return [
        {
            "network": name,
            "px": size,
            "threads": torch.get_num_threads(),
            "way": way,
            "pictures/s": PASS / median_seconds,
            "times as fast": as_it_is / median_seconds,
            "largest difference": errors[way],
        }
        for way, median_seconds in seconds.items()
    ]


@torch.no_grad()
def passes(name: str, threads: int, count: int) -> None:
    """Run a network so many times; the first call of a process builds it."""
    torch.set_num_threads(threads)
    if name not in BUILT:
        size = SIZES.get(name, 448)
        pictures = torch.randn(PASS, 3, size, size).contiguous(memory_format=torch.channels_last)
        BUILT[name] = partial(network(name), pictures)
    for _ in range(count):
        BUILT[name]()


def processes(names: list[str], repeats: int) -> list[dict[str, object]]:
    """Two cores shared in two ways, in seconds of the clock."""
    rows = []
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for name in names:
            found = {
                "one process of two threads": partial(passes, name, 2, 8),
                "two processes of one thread": lambda name=name: list(
                    pool.map(passes, [name] * 2, [1] * 2, [4] * 2)
                ),
            }
            seconds = medians(found, repeats)
            one = next(iter(seconds.values()))
            rows += [
                {
                    "network": name,
                    "way": way,
                    "pictures/s": 8 * PASS / value,
                    "times as fast": one / value,
                }
                for way, value in seconds.items()
            ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--processes", action="store_true", help="measure how to share two cores")
    chosen = parser.parse_args()
    if chosen.processes:
        report("two cores", processes(chosen.networks, chosen.repeats), "backbone_processes")
        return
    torch.set_num_threads(chosen.threads)
    clock = time.process_time if chosen.threads == 1 else time.perf_counter
    rows = [row for name in chosen.networks for row in measure(name, chosen.repeats, clock)]
    report("the bare backbone", rows, "backbone")


if __name__ == "__main__":
    main()
