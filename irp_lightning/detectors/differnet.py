"""DifferNet as a LightningModule."""

import time
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from irp_lightning.detectors.flow import SCORES, build_flow, nll
from irp_lightning.foundation.compiler import check_compiler

__all__ = ["DifferNet"]


WIDE = 1024
"""Width of subnets from which on their products are nearly all of a step, and a fit takes hours."""


class DifferNet(L.LightningModule):
    """A normalizing flow on feature vectors; what it finds unlikely is anomalous.

    The defaults are the original's: 8 coupling blocks, 2048 wide, clamp 3, no dropout; Adam with
    lr 2e-4, betas (0.8, 0.8), eps 1e-4, weight decay 1e-5.

    Args:
        dim: Length d of a feature vector.
        n_blocks: Coupling blocks.
        hidden: Width of their subnets.
        clamp: Bound of the log scales.
        score: ``"latent"`` (mean z²) or ``"nll"`` (Eq. 1).
        lr: Learning rate.
        betas: Adam's.
        eps: Adam's.
        weight_decay: Adam's.
        average: Decay per step of a running average of the weights, which then does the scoring; 0: the
            weights themselves, as the original. An average wanders less from epoch to epoch.
        precision: What the subnets multiply their matrices in, ``"fp32"`` or ``"bf16"``; the couplings,
            the loss and the scores are float32 either way.
        compile: Run the flow through ``torch.compile``; needs a C++ compiler on a CPU.
    """

    def __init__(
        self,
        dim: int,
        n_blocks: int = 8,
        hidden: int = 2048,
        clamp: float = 3.0,
        score: str = "latent",
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.8, 0.8),
        eps: float = 1e-4,
        weight_decay: float = 1e-5,
        average: float = 0.0,
        precision: str = "fp32",
        compile: bool = False,
    ) -> None:
        super().__init__()
        betas = (betas[0], betas[1])  # a plain tuple, whatever the configuration held
        self.save_hyperparameters()
        self.flow = build_flow(dim, n_blocks, hidden, clamp, precision)
        self.averaged = _averaged(self.flow) if average else None
        if compile:
            self.flow.compile(dynamic=True)  # batches shrink as images are removed

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map features to the latent space.

        Args:
            features: (..., d).

        Returns:
            ``z`` (..., d) and ``log_det`` (...), in float32.
        """
        return _through(self.flow, features)

    @staticmethod
    def check_size(dim: int, n_vectors: int, compile: bool = False, **others: Any) -> None:
        """Asked before features are extracted.

        Raises:
            WrongValue: The flow cannot be compiled here.
        """
        if compile:
            check_compiler()

    def on_fit_start(self) -> None:
        rough = self.hparams["precision"] == "bf16"
        if self.device.type != "cpu" or not (rough or self.hparams["hidden"] >= WIDE):
            return
        cost = _cost_of_bf16()
        if rough and cost > 1.5:
            rank_zero_warn(
                f"model.precision=bf16 multiplies {cost:.0f} times slower than fp32: this "
                "processor has no instructions for it; set model.precision=fp32"
            )
        elif not rough and cost < 0.5:
            rank_zero_warn(
                f"this processor multiplies {1 / cost:.0f} times faster in bf16, and scores move by "
                "some percent: set model.precision=bf16 to train faster"
            )

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch ``(features (B, V, d), index (B,))``."""
        features, _ = batch
        loss = nll(*self(features)).mean()
        self.log(
            "train/loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(features)
        )
        return loss

    def score(self, batch: Tensor) -> Tensor:
        """Anomaly scores of images, higher is more anomalous: (B, V, d) → (B,)."""
        return SCORES[self.hparams["score"]](*_through(self.averaged or self.flow, batch))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.averaged is not None:
            # The first steps move the most: an average that began with them would drag them along.
            steps = int(self.averaged.n_averaged)
            decay = min(self.hparams["average"], (1 + steps) / (10 + steps))
            with torch.no_grad():
                torch._foreach_lerp_(*self._mean_and_weights, 1 - decay)
                self.averaged.n_averaged += 1

    @cached_property
    def _mean_and_weights(self) -> tuple[list[Tensor], list[Tensor]]:
        # Looked up once: walking the modules takes longer than the average of a small flow.
        assert self.averaged is not None
        return list(_weights(self.averaged)), list(_weights(self.flow))

    def predict_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The scores of a batch ``(features, index)``: (B,)."""
        return self.score(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over the subnets; the permutations are integers and not trained."""
        h = self.hparams
        return torch.optim.Adam(
            (p for p in self.parameters() if p.requires_grad),
            lr=h["lr"],
            betas=tuple(h["betas"]),
            eps=h["eps"],
            weight_decay=h["weight_decay"],
            fused=True,  # the same update in one pass over the parameters
        )


@cache
def _cost_of_bf16() -> float:
    """Seconds of a matrix product in bf16 against those in float32, on this processor."""
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        square = torch.ones(512, 512, dtype=dtype)
        times = []
        for _ in range(3):  # the first prepares
            began = time.perf_counter()
            square @ square
            times.append(time.perf_counter() - began)
        seconds.append(min(times))
    return seconds[1] / seconds[0]


def _averaged(flow: torch.nn.Module) -> AveragedModel:
    average = AveragedModel(flow).requires_grad_(False)
    # The weights at the start count as the first. In the state, so that a start from scratch starts the
    # average anew too.
    average.n_averaged.fill_(1)
    return average


def _weights(module: torch.nn.Module) -> Iterator[Tensor]:
    return (p for p in module.parameters() if p.is_floating_point())  # permutations are of integers


def _through(flow: torch.nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """(..., d) → ``z`` (..., d) and ``log_det`` (...), in float32."""
    # Under a lower precision the log determinant, a sum over d terms, would lose its digits.
    with torch.autocast(features.device.type, enabled=False):
        z, log_det = flow(features.float().flatten(0, -2))
    return z.view(features.shape), log_det.view(features.shape[:-1])
