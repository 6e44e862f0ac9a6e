"""DifferNet as a LightningModule."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from irp_lightning.detectors.config import DifferNetConfig
from irp_lightning.detectors.flow import SCORES, build_flow, nll
from irp_lightning.foundation.compiler import check_compiler
from irp_lightning.foundation.fields import load, plain

__all__ = ["DifferNet"]


class DifferNet(L.LightningModule):
    """A normalizing flow on feature vectors; what it finds unlikely is anomalous.

    Args:
        dim: Length d of a feature vector.
        **arguments: The fields of :class:`~irp_lightning.detectors.config.DifferNetConfig`.
    """

    def __init__(self, dim: int, **arguments: Any) -> None:
        super().__init__()
        config = load(DifferNetConfig, arguments)
        self.save_hyperparameters({"dim": dim, **plain(config)})
        self.flow = build_flow(dim, config.n_blocks, config.hidden, config.clamp, config.precision)
        self.averaged = _averaged(self.flow) if config.average else None
        if config.compile:
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
    def check_size(dim: int, n_vectors: int, **arguments: Any) -> None:
        """Check, before features are extracted, that the flow can be built.

        Raises:
            WrongValue: The flow cannot be compiled here.
        """
        if load(DifferNetConfig, arguments).compile:
            check_compiler()

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
