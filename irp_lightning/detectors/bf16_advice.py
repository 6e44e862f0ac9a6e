"""Advice on the number format of a flow's matrix products, where this processor is faster in another."""

import time
from functools import cache

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_warn

from irp_lightning.detectors.differnet import DifferNet

__all__ = ["WIDE", "Bf16Advice"]

WIDE = 1024
"""Width of subnets from which on their products are nearly all of a step, and a fit takes hours."""


class Bf16Advice(L.Callback):
    """Warns, as the fit of a flow on a CPU begins, where ``model.precision`` costs much time."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not isinstance(pl_module, DifferNet) or pl_module.device.type != "cpu":
            return
        is_rough = pl_module.hparams["precision"] == "bf16"
        if not is_rough and pl_module.hparams["hidden"] < WIDE:
            return
        cost = _cost_of_bf16()
        if is_rough and cost > 1.5:
            rank_zero_warn(
                f"model.precision=bf16 multiplies {cost:.0f} times slower than fp32: this "
                "processor has no instructions for it; set model.precision=fp32"
            )
        elif not is_rough and cost < 0.5:
            rank_zero_warn(
                f"this processor multiplies {1 / cost:.0f} times faster in bf16, and scores move by "
                "some percent: set model.precision=bf16 to train faster"
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
