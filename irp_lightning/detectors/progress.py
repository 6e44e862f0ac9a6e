"""A progress bar over the epochs of a whole fit."""

import lightning as L
from tqdm import tqdm

from irp_lightning.features.batches import RefinableData

__all__ = ["FitProgress"]


class FitProgress(L.Callback):
    """One bar for all rounds: epochs done, the active images, the loss where there is one."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar = tqdm(
            total=trainer.max_epochs,
            initial=trainer.current_epoch,
            desc="fit",
            unit="epoch",
            disable=None if trainer.is_global_zero else True,
            leave=False,
        )

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.bar is None:
            return
        shown = []
        data = trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, RefinableData):
            shown.append(f"{int(data.active.sum())} active")
        if "train/loss" in trainer.callback_metrics:
            shown.append(f"loss {float(trainer.callback_metrics['train/loss']):.3f}")
        self.bar.set_postfix_str(", ".join(shown), refresh=False)
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
