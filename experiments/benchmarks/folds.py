"""Fold flows one after another against all at once (torch.func, weights batched by vmap).

python experiments/benchmarks/folds.py

Features are random: only time is measured. Three narrow flows take the same step on batches of their
own.
"""

import argparse
import copy
from collections.abc import Callable, Sequence

import torch
from paired import medians, report
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from irp_lightning.detectors.flow import build_flow, nll


def sequential(flows: Sequence[nn.Module], x: Tensor) -> Callable[[], None]:
    """Loss and gradients of each flow in turn."""

    def step() -> None:
        for flow, batch in zip(flows, x, strict=True):
            trained = [p for p in flow.parameters() if p.requires_grad]
            torch.autograd.grad(nll(*flow(batch)).mean(), trained)

    return step


def batched(flows: list[nn.Module], x: Tensor) -> Callable[[], None]:
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
        steps = {"one by one": sequential(flows, x), "at once": batched(flows, x)}
        apart, together = medians(steps, chosen.repeats).values()
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
    report("fold flows one by one and at once", rows, "folds")


if __name__ == "__main__":
    main()
