"""Fold flows one after another against all at once (torch.func, weights batched by vmap).

python experiments/benchmarks/folds.py

Features are random: only time is measured. Three flows of the small preset take the same step on
batches of their own; the ratio is of medians of alternating repeats in one process.
"""

import argparse
import copy
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap

from irp_lightning.detectors.flow import build_flow, nll

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--dim", type=int, default=1536)
    parser.add_argument("--hidden", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--vectors", type=int, default=64, help="in a batch")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    rows = []
    for hidden in chosen.hidden:
        torch.manual_seed(0)
        flows = [build_flow(chosen.dim, 8, hidden, 3.0).to(chosen.device) for _ in range(chosen.folds)]
        x = torch.randn(chosen.folds, chosen.vectors, chosen.dim, device=chosen.device)
        one_by_one, at_once = sequential(flows, x), batched(flows, x)
        times: dict[str, list[float]] = {"one by one": [], "at once": []}
        for _ in range(chosen.repeats + 1):
            for name, step in (("one by one", one_by_one), ("at once", at_once)):
                began = time.perf_counter()
                step()
                if chosen.device != "cpu":
                    torch.cuda.synchronize()
                times[name].append(time.perf_counter() - began)
        apart, together = (statistics.median(t[1:]) for t in times.values())
        rows.append(
            {
                "device": chosen.device,
                "folds": chosen.folds,
                "hidden": hidden,
                "vectors": chosen.vectors,
                "ms_one_by_one": round(1000 * apart, 1),
                "ms_at_once": round(1000 * together, 1),
                "ratio": round(together / apart, 2),
            }
        )
        print(rows[-1], flush=True)
    with (HERE / "results" / "folds.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sequential(flows: list[torch.nn.Module], x: Tensor) -> Callable[[], None]:
    """Loss and gradients of each flow in turn."""

    def step() -> None:
        for flow, batch in zip(flows, x, strict=True):
            trained = [p for p in flow.parameters() if p.requires_grad]
            torch.autograd.grad(nll(*flow(batch)).mean(), trained)

    return step


def batched(flows: list[torch.nn.Module], x: Tensor) -> Callable[[], None]:
    """The same of all flows at once, their weights stacked."""
    stacked, buffers = stack_module_state(flows)  # type: ignore[arg-type]
    shape = copy.deepcopy(flows[0])
    # Permutations are integer parameters, the same in every flow: no gradient, nothing to stack.
    weights = {k: v for k, v in stacked.items() if v.is_floating_point()}
    fixed = {k: v[0] for k, v in stacked.items() if not v.is_floating_point()}

    def loss(weight: dict[str, Tensor], buffer: dict[str, Tensor], batch: Tensor) -> Tensor:
        return nll(*functional_call(shape, (weight, fixed, buffer), (batch,))).mean()

    gradients = vmap(grad(loss), in_dims=(0, 0, 0))
    return lambda: gradients(weights, buffers, x)


if __name__ == "__main__":
    main()
