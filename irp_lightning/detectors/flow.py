"""DifferNet's normalizing flow, and what is computed from its output.

Rudolph, Wandt, Rosenhahn: *Same Same But DifferNet*, WACV 2021, section 3.2; FrEIA's GLOW coupling
blocks (Kingma & Dhariwal 2018), each behind a fixed random permutation.
"""

import math
from collections.abc import Sequence
from functools import partial

import torch
from FrEIA.framework import SequenceINN
from FrEIA.modules import GLOWCouplingBlock, PermuteRandom
from torch import Tensor, nn

__all__ = ["PRECISIONS", "SCORES", "Clamp", "Subnet", "build_flow", "latent_score", "nll", "nll_score"]

PRECISIONS = ("fp32", "bf16")
"""What the subnets multiply their matrices in; everything else is float32."""


class Clamp(nn.Module):
    """The original's soft clamp: s → 0.636 · atan(s / clamp), to be multiplied by ``clamp``.

    FrEIA's ``clamp_activation="ATAN"`` leaves out the division, and is a lambda, which does not
    pickle.
    """

    def __init__(self, clamp: float) -> None:
        super().__init__()
        self.clamp = clamp

    def forward(self, s: Tensor) -> Tensor:
        return 0.636 * torch.atan(s / self.clamp)


class Permutation(PermuteRandom):
    """FrEIA's fixed random permutation of a vector, read several times faster, and its gradient too."""

    def forward(
        self, x: Sequence[Tensor], rev: bool = False, jac: bool = True
    ) -> tuple[list[Tensor], float]:
        return [x[0].index_select(1, self.perm_inv if rev else self.perm)], 0.0


class Subnet(nn.Sequential):
    """The network that predicts a coupling's scale and translation: four linear layers, ReLU between.

    Args:
        dim_in: Length of the passive half.
        dim_out: Twice the length of the active half.
        hidden: Width of the three hidden layers.
        precision: One of ``PRECISIONS``; of its matrix products alone, its output is as its input.
    """

    def __init__(self, dim_in: int, dim_out: int, hidden: int, precision: str = "fp32") -> None:
        super().__init__(
            nn.Linear(dim_in, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, dim_out),
        )
        self.precision = precision

    def forward(self, x: Tensor) -> Tensor:
        if self.precision == "fp32":
            return super().forward(x)
        # Of the subnets alone: what the couplings add up over blocks would lose its digits.
        with torch.autocast(x.device.type, torch.bfloat16):
            return super().forward(x).to(x.dtype)


def build_flow(
    dim: int, n_blocks: int, hidden: int, clamp: float, precision: str = "fp32"
) -> SequenceINN:
    """Build the flow; called with (B, dim) it returns ``z`` (B, dim) and ``log_det`` (B,).

    Args:
        dim: Length of a feature vector, at least 2.
        n_blocks: Coupling blocks.
        hidden: Width of their subnets.
        clamp: Bound of a log scale: about ± ``clamp``.
        precision: Of the subnets' matrix products, one of ``PRECISIONS``.
    """
    flow = SequenceINN(dim)
    for k in range(n_blocks):
        # Seeded by the block alone, as in the original: it is part of the architecture.
        flow.append(Permutation, seed=k)
        flow.append(
            GLOWCouplingBlock,
            subnet_constructor=partial(Subnet, hidden=hidden, precision=precision),
            clamp=clamp,
            clamp_activation=Clamp(clamp),
            split_len=dim // 2,
        )
    return flow


def nll(z: Tensor, log_det: Tensor) -> Tensor:
    """DifferNet's loss per vector: (½‖z‖² − log|det J|) / d, in nats per dimension up to a constant.

    Args:
        z: (..., d).
        log_det: (...).
    """
    return (0.5 * z.square().sum(dim=-1) - log_det) / z.shape[-1]


def nll_score(z: Tensor, log_det: Tensor) -> Tensor:
    """Eq. 1 of the paper, −log p(x) / d, averaged over the views (Eq. 4): (B, V, d) → (B,).

    In nats per dimension; may be negative.
    """
    return (nll(z, log_det) + 0.5 * math.log(2 * math.pi)).mean(dim=1)


def latent_score(z: Tensor, log_det: Tensor) -> Tensor:
    """DifferNet's own score: mean of z² over views and dimensions, (B, V, d) → (B,), never negative."""
    return z.square().mean(dim=(1, 2))


SCORES = {"latent": latent_score, "nll": nll_score}
