"""Iterative refinement as a Lightning callback (paper, section 3 and Algorithm 1)."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

import lightning as L
import torch
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from irp_lightning.detectors.scoring import score_images
from irp_lightning.refinement.judgement import Pruning, is_over, judge
from irp_lightning.refinement.rounds import Round, as_state, from_state

__all__ = ["IterativeRefinement", "Prunable"]


@runtime_checkable
class Prunable(Protocol):
    """Interface that the callback needs from a DataModule.

    ``train_dataloader`` gives the active images alone.

    Attributes:
        active: (N,), bool: the training images that have not been removed.
    """

    active: Tensor

    def active_batches(self) -> Iterable[Any]:
        """The active images in their order, in batches that the module's ``score`` takes.

        A batch may be a tuple, such as ``(features, index)``: its first entry is scored.
        """
        ...

    def keep(self, mask: Tensor) -> None:
        """Remove what is not in the mask, (N,), bool, from the next epoch on."""
        ...


class IterativeRefinement(L.Callback):
    """Between fit rounds: score the training images by the detector, prune, fit on.

    All rounds are one ``trainer.fit``. The trainer needs this callback's ``max_epochs`` and
    ``reload_dataloaders_every_n_epochs=1``, a DataModule that is :class:`Prunable`, such as
    :class:`irp_lightning.features.batches.RefinableData`, and any module with ``score(batch) -> (B,)``.
    The callback never sees a label. Where the DataModule has a ``predict_dataloader``, its images are
    scored after each round, too. Each round begins with random numbers of its own, so that a fit that
    resumes from a round's checkpoint ends as if it had not been stopped.

    Args:
        pruning: The rule, what it removes, and how often.
        epochs: Of round 0, the pre-training fit.
        round_epochs: Of each later round. The last round is scored too, but nothing is removed after it.
        from_scratch: Begin each later round with the weights of the start, and fit ``epochs``.
        seed: Of the rounds' random numbers.
        after_round: Called when a round is finished and another follows, to keep a checkpoint.

    Attributes:
        rounds: What happened, round by round.
        converged: Whether the last scoring found nothing to remove.
        settled: Whether nothing more will be removed.
    """

    def __init__(
        self,
        pruning: Pruning,
        *,
        epochs: int,
        round_epochs: int,
        from_scratch: bool = False,
        seed: int = 0,
        after_round: Callable[[L.Trainer], None] = lambda trainer: None,
    ) -> None:
        self.pruning, self.epochs, self.seed, self.after_round = pruning, epochs, seed, after_round
        self.from_scratch = from_scratch
        self.round_epochs = epochs if from_scratch else round_epochs
        self.rounds: list[Round] = []
        self.converged: bool | None = None
        self.settled = False
        self._initial: dict[str, Tensor] = {}
        self._began = 0.0

    @property
    def max_epochs(self) -> int:
        """Epochs of a run that uses all its rounds."""
        return self.epochs + self.pruning.max_rounds * self.round_epochs

    @property
    def epochs_trained(self) -> int:
        """Epochs of training that the last round's detector had, from its initial weights on."""
        later = 0 if self.from_scratch else (len(self.rounds) - 1) * self.round_epochs
        return self.epochs + later

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Remember the initial weights, before a checkpoint could replace them."""
        if stage == "fit" and self.from_scratch:
            state = pl_module.state_dict()
            self._initial = {key: value.detach().cpu().clone() for key, value in state.items()}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin, or take up where a checkpoint left off."""
        self._begin_round()
        trainer.should_stop = self.settled  # stopped after the last round, before it was reported

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """At the end of a round: score, judge, prune, and prepare the next one."""
        if trainer.current_epoch + 1 < self.epochs + len(self.rounds) * self.round_epochs:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, Prunable):
            raise TypeError(
                f"IterativeRefinement needs a DataModule with active, active_batches and keep, and "
                f"{type(data).__name__} lacks one; see irp_lightning.refinement.callback.Prunable"
            )
        active, before = data.active, self.rounds
        scores = torch.full((len(active),), torch.nan)
        scores[active] = score_images(pl_module, data.active_batches())
        test_scores = None
        if is_overridden("predict_dataloader", data, L.LightningDataModule):
            tested = trainer.datamodule.predict_dataloader()  # type: ignore[attr-defined]
            test_scores = score_images(pl_module, tested)
        found = judge(scores, active, self.pruning)
        last = len(before) == self.pruning.max_rounds
        removed = torch.zeros_like(active) if last else found.removed
        self.converged = found.converged
        self.settled = last or is_over(found, before, self.pruning.patience)
        if removed.any():
            data.keep(~removed)
        seconds = time.perf_counter() - self._began
        done = Round(
            number=len(before),
            active=active,
            scores=scores,
            test_scores=test_scores,
            removed=removed,
            threshold=found.threshold,
            seconds=seconds,
        )
        self.rounds = [*before, done]
        if self.settled:
            trainer.should_stop = True
            return
        if self.from_scratch:
            pl_module.load_state_dict(self._initial)
            trainer.strategy.setup_optimizers(trainer)
        self.after_round(trainer)
        self._begin_round()

    def _begin_round(self) -> None:
        # Any two (seed, round) pairs of a sensible size get different streams.
        torch.manual_seed(self.seed * 1_000_003 + len(self.rounds))
        self._began = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """All rounds so far, as plain values and tensors."""
        return {
            "rounds": as_state(self.rounds),
            "converged": self.converged,
            "settled": self.settled,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the rounds of a checkpoint."""
        self.rounds = from_state(state_dict["rounds"])
        self.converged = state_dict["converged"]
        self.settled = state_dict["settled"]
