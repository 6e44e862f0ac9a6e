"""Iterative refinement as a Lightning callback (paper, section 3 and Algorithm 1)."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData
from irp_lightning.detectors.ranks import from_first
from irp_lightning.refinement.rules import MIN_IMAGES, REMOVALS, RULES, limit
from irp_lightning.detectors.scoring import OutOfSample, score_images
from irp_lightning.evaluation.separation import separation

__all__ = ["RETRAINS", "IterativeRefinement", "Round"]

RETRAINS = ("continue", "scratch")


@dataclass(frozen=True)
class Round:
    """One round: what was fitted, how it scored, what was removed because of it.

    Attributes:
        number: Counted from 0.
        active: (N,), bool: the training images it was fitted on.
        scores: (N,), of the training images; NaN where not active.
        test_scores: (T,), of the test images; None where the detector was not fitted yet.
        removed: (N,), bool: the training images removed after this round.
        threshold: What the scores were held against; None where there is no rule.
        seconds: Fit, scoring and judging together.
    """

    number: int
    active: Tensor
    scores: Tensor
    test_scores: Tensor | None
    removed: Tensor
    threshold: float | None
    seconds: float


class IterativeRefinement(L.Callback):
    """Fit, score the active training images, remove by the rule, fit on: within one ``trainer.fit``.

    With an out-of-sample scorer all rounds of scoring and removing come first, and the detector is
    fitted once, on what is left, for ``epochs``.

    The trainer needs this callback's ``max_epochs`` and ``reload_dataloaders_every_n_epochs=1``, a
    :class:`RefinableData`, and any module with ``score(batch) -> (B,)``. It never sees a label.

    Args:
        epochs: Of round 0, the pre-training fit.
        max_rounds: How often to prune at most; 0 never does. Each pruning is followed by a fit, and
            the last fit is scored too, but nothing is removed after it.
        round_epochs: Of the later rounds, when they continue.
        rule: Name of the rule (``RULES``) that finds the threshold, anew each round, from the scores
            of the active images.
        k: The rule's parameter; λ for ``"lambda_median"``.
        remove: ``"worst"``: the highest-scoring image above the threshold (Algorithm 1);
            ``"all"``: every image above it (Eq. 6).
        retrain: ``"continue"`` from the weights at hand; ``"scratch"``: from the weights the run
            began with and a new optimiser, for ``epochs`` each round.
        patience: Rounds in a row without a removal after which the process has converged.
        max_removed: Never prune past this share of the training images, in (0, 1).
        remove_first: (N,), bool: training images removed before round 0. For the oracle alone.
        out_of_sample: Scores training images before the detector is fitted; None: by the detector.
        after_round: Called when a round is finished and another follows, to keep a checkpoint: a fit
            that starts from it ends as if it had not been stopped.

    Attributes:
        rounds: What happened, round by round.
        converged: Whether the last scoring found nothing to remove; None where there is no rule.
        settled: Whether nothing more will be removed.
        separation: How cleanly the removals split the training images, by the final detector; None
            before its fit is done.
    """

    def __init__(
        self,
        *,
        epochs: int,
        max_rounds: int = 0,
        round_epochs: int = 1,
        rule: str = "lambda_median",
        k: float = 1.5,
        remove: str = "worst",
        retrain: str = "continue",
        patience: int = 1,
        max_removed: float = 0.5,
        remove_first: Tensor | None = None,
        out_of_sample: OutOfSample | None = None,
        after_round: Callable[[L.Trainer], None] | None = None,
    ) -> None:
        self.epochs = epochs
        self.max_rounds = max_rounds
        self.round_epochs = epochs if retrain == "scratch" else round_epochs
        self.rule = RULES[rule]
        self.k = k
        self.remove = REMOVALS[remove]
        self.retrain = retrain
        self.patience = patience
        self.max_removed = max_removed
        self.remove_first = remove_first
        self.out_of_sample = out_of_sample
        self.after_round = after_round
        self.rounds: list[Round] = []
        self.converged: bool | None = None
        self.settled = max_rounds == 0
        self.separation: float | None = None
        self._random: Tensor | None = None
        self._initial: dict[str, Tensor] = {}
        self._began = 0.0

    @property
    def max_epochs(self) -> int:
        """Epochs of a run that uses all its rounds."""
        return self.epochs + (0 if self.out_of_sample else self.max_rounds * self.round_epochs)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Remember the initial weights, before a checkpoint could replace them."""
        if stage == "fit" and self.retrain == "scratch" and self.max_rounds:
            state = pl_module.state_dict()
            self._initial = {key: value.detach().cpu().clone() for key, value in state.items()}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove what is to go before the detector is fitted."""
        self._began = time.perf_counter()
        data = _data(trainer)
        if self.remove_first is not None:
            data.keep(~self.remove_first)
        scorer = self.out_of_sample
        if scorer is None or self.settled:
            return
        self._restore_random()
        while not self.settled:
            active = data.active
            scores = from_first(lambda: scorer(pl_module, data, active))  # noqa: B023 (called at once)
            scores = scores.masked_fill(~active, torch.nan)
            threshold, removed, stop = self._judge(scores, active, last=False)
            self._close_round(data, active, scores, None, threshold, removed)
            self.settled = stop or len(self.rounds) == self.max_rounds
            self._keep(trainer)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take up where a checkpoint left off."""
        self._restore_random()
        if self.separation is not None:  # stopped after the last round, before it was reported
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """At the end of a round: score, judge, prune, and prepare the next one."""
        fits = 0 if self.out_of_sample else len(self.rounds)
        if trainer.current_epoch + 1 < self.epochs + fits * self.round_epochs:
            return
        data = _data(trainer)
        active = data.active
        scores = torch.full((len(active),), torch.nan)
        scores[active] = score_images(pl_module, data.scored_batches(data.train_images[active]))
        test_scores = score_images(pl_module, data.predict_dataloader())
        threshold, removed = None, torch.zeros_like(active)
        if not self.settled:
            last = len(self.rounds) == self.max_rounds
            threshold, removed, self.settled = self._judge(scores, active, last)
        self._close_round(data, active, scores, test_scores, threshold, removed)
        if self.settled:
            gone = ~active
            if gone.any():
                scores = scores.clone()  # the round's own stay as they are
                scores[gone] = score_images(pl_module, data.scored_batches(data.train_images[gone]))
            self.separation = separation(scores, gone)
            trainer.should_stop = True
            return
        if self.retrain == "scratch":
            pl_module.load_state_dict(self._initial)
            trainer.strategy.setup_optimizers(trainer)
        self._keep(trainer)

    def _restore_random(self) -> None:
        if self._random is not None:
            torch.set_rng_state(self._random)
            self._random = None

    def _keep(self, trainer: L.Trainer) -> None:
        if self.after_round is not None:
            self.after_round(trainer)

    def _close_round(
        self,
        data: RefinableData,
        active: Tensor,
        scores: Tensor,
        test_scores: Tensor | None,
        threshold: float | None,
        removed: Tensor,
    ) -> None:
        """Prune, and write down what happened."""
        if removed.any():
            data.keep(~removed)
        if self.remove_first is not None and not self.rounds:
            removed = self.remove_first
        now = time.perf_counter()
        self.rounds.append(
            Round(len(self.rounds), active, scores, test_scores, removed, threshold, now - self._began)
        )
        self._began = now

    def _judge(self, scores: Tensor, active: Tensor, last: bool) -> tuple[float, Tensor, bool]:
        """The threshold, what to remove, and whether no round should follow."""
        removed = torch.zeros_like(active)
        threshold = self.rule(scores[active], self.k)
        excess = self.remove(scores[active], threshold)
        self.converged = not bool(excess.any())
        if last:
            return threshold, removed, True
        if self.converged:
            before = self.rounds[-(self.patience - 1) :] if self.patience > 1 else []
            quiet = len(before) == self.patience - 1 and not any(r.removed.any() for r in before)
            return threshold, removed, quiet
        budget = min(
            int(self.max_removed * len(active)) - int((~active).sum()),
            int(active.sum()) - MIN_IMAGES,
        )
        removed[active] = limit(excess, scores[active], budget)
        return threshold, removed, not bool(removed.any())

    def state_dict(self) -> dict[str, Any]:
        """All rounds so far, as plain values and tensors, and where the random numbers stand."""
        return {
            "rounds": [asdict(r) for r in self.rounds],
            "converged": self.converged,
            "settled": self.settled,
            "separation": self.separation,
            "random": torch.get_rng_state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the rounds of a checkpoint."""
        self.rounds = [Round(**r) for r in state_dict["rounds"]]
        self.converged = state_dict["converged"]
        self.settled = state_dict["settled"]
        self.separation = state_dict["separation"]
        self._random = state_dict["random"]


def _data(trainer: L.Trainer) -> RefinableData:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, RefinableData):
        raise TypeError(f"IterativeRefinement needs a RefinableData, not {type(data).__name__}")
    return data
