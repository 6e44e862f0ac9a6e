"""A progress bar over the epochs of all rounds."""

from typing import Any

import lightning as L
from tqdm import tqdm

from irp_lightning.features.batches import RefinableData

__all__ = ["RoundProgress"]


class RoundProgress(L.Callback):
    """One bar for the whole fit: epochs done, the round, the active images, the loss.

    Args:
        refinement: Whose rounds are shown; it must come before this in the trainer's callbacks.
    """

    def __init__(self, refinement: Any) -> None:
        self.refinement = refinement
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar = tqdm(
            total=trainer.max_epochs,
            initial=trainer.current_epoch,
            desc="fit",
            unit="epoch",
            disable=None,
            leave=False,
        )

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.bar is None:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        active = int(data.active.sum()) if isinstance(data, RefinableData) else 0
        loss = float(trainer.callback_metrics.get("train/loss", float("nan")))
        self.bar.set_postfix_str(
            f"round {len(self.refinement.rounds)}, {active} active, loss {loss:.3f}", refresh=False
        )
        self.bar.update()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
