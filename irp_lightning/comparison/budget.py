"""Training length of a detector and the reason its refinement ended, which AUROCs alone hide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irp_lightning.config.older import brought_up_to_date
from irp_lightning.detectors.config import ONE_PASS, current
from irp_lightning.refinement.config import IN_SAMPLE, LABELS

__all__ = ["LONGER", "Budget", "budget_of", "marks", "notes", "remark"]

LONGER, USED_UP, UNCHANGED = "‡", "§", "¶"

NOTES = {
    LONGER: "Trained for more epochs than vanilla and the oracle (overview, remarks): part of the "
    "difference may be the training and not the removal. references=matched trains both as long.",
    USED_UP: "Stopped by max_rounds: the last scoring still found images to remove.",
    UNCHANGED: "Removed nothing.",
}


@dataclass(frozen=True)
class Budget:
    """Training budget of a run.

    Attributes:
        epochs: That its final detector was trained for.
        references: That vanilla and the oracle are trained for in the same setting.
        used_up: Whether it stopped because its rounds were used up, and not because it had converged.
        unchanged: Whether its method could remove images and removed none.
    """

    epochs: int
    references: int
    used_up: bool
    unchanged: bool

    @property
    def is_longer(self) -> bool:
        """True if the run was trained for longer than vanilla and the oracle."""
        return self.epochs > self.references

    @property
    def marks(self) -> str:
        """Its footnote marks."""
        said = {LONGER: self.is_longer, USED_UP: self.used_up, UNCHANGED: self.unchanged}
        return "".join(mark for mark, holds in said.items() if holds)


def budget_of(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> Budget:
    """Read a run's budget from its files.

    An older run does not hold how long its detector was trained. The configuration and the number of
    rounds give it then, and a user's own detector counts as one that is trained in epochs.

    Raises:
        KeyError: A value is missing.
    """
    refine, rounds = brought_up_to_date(config)["refine"], int(metrics["rounds"])
    scoring, most = refine.get("scoring") or {}, int(refine.get("max_rounds", 0))
    is_in_sample = scoring.get("_target_") == IN_SAMPLE
    is_one_pass = current(str(config["model"]["_target_"])) in ONE_PASS
    references = 1 if is_one_pass else int(config["epochs"])
    epochs = metrics.get("epochs_trained")
    if epochs is None:
        continues = is_in_sample and scoring.get("retrain", "continue") == "continue"
        later = rounds * int(scoring.get("round_epochs", 2)) if continues and most else 0
        epochs = references if is_one_pass else references + later
    removes = most > 0 and scoring.get("_target_") != LABELS
    is_one_shot = most == 1 and refine.get("remove") == "all"  # stops after a round by design
    return Budget(
        epochs=int(epochs),
        references=references,
        used_up=removes and not is_one_shot and metrics.get("converged") is False and rounds >= most,
        unchanged=removes and not (metrics["removed_bad"] or metrics["removed_good"]),
    )


def marks(budgets: Sequence[Budget]) -> str:
    """The footnote marks of a figure that is of several runs: those of any."""
    found = {mark for budget in budgets for mark in budget.marks}
    return "".join(mark for mark in NOTES if mark in found)


def notes(marked: str) -> list[str]:
    """What the footnote marks in a text mean, one line a mark."""
    return [f"{mark} {meaning}" for mark, meaning in NOTES.items() if mark in marked]


def remark(budgets: Sequence[Budget]) -> str:
    """The budget in words; empty where all are equal.

    >>> remark([Budget(50, 10, used_up=True, unchanged=False)])
    'trained 50 epochs, the oracle 10; stopped by max_rounds'
    """
    longer = [budget for budget in budgets if budget.is_longer]
    epochs, references = (
        _span([getattr(budget, name) for budget in longer]) for name in ("epochs", "references")
    )
    counted = (
        (len(longer), f"trained {epochs} epochs, the oracle {references}"),
        (sum(budget.used_up for budget in budgets), "stopped by max_rounds"),
        (sum(budget.unchanged for budget in budgets), "removed nothing"),
    )
    return "; ".join(
        said if count == len(budgets) else f"{count} of {len(budgets)} runs {said}"
        for count, said in counted
        if count
    )


def _span(values: Sequence[int]) -> str:
    low, high = min(values, default=0), max(values, default=0)
    return f"{low}" if low == high else f"{low} to {high}"
