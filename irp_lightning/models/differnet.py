"""DifferNet as a LightningModule."""

import lightning as L
import torch
from torch import Tensor

from irp_lightning.models.flow import SCORES, build_flow, nll

__all__ = ["DifferNet"]


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
        compile: bool = False,
    ) -> None:
        super().__init__()
        betas = (betas[0], betas[1])  # a plain tuple, whatever the configuration held
        self.save_hyperparameters()
        self.flow = build_flow(dim, n_blocks, hidden, clamp)
        if compile:
            self.flow.compile(dynamic=True)  # batches shrink as images are removed

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map features to the latent space.

        Args:
            features: (..., d).

        Returns:
            ``z`` (..., d) and ``log_det`` (...), in float32.
        """
        # Under a lower precision the log determinant, a sum over d terms, would lose its digits.
        with torch.autocast(features.device.type, enabled=False):
            z, log_det = self.flow(features.float().flatten(0, -2))
        return z.view(features.shape), log_det.view(features.shape[:-1])

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch ``(features (B, V, d), index (B,))``."""
        features, _ = batch
        loss = nll(*self(features)).mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(features))
        return loss

    def score(self, batch: Tensor) -> Tensor:
        """Anomaly scores of images, higher is more anomalous: (B, V, d) → (B,)."""
        return SCORES[self.hparams["score"]](*self(batch))

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
