"""Record of one round of refinement."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

__all__ = ["Round", "as_state", "from_state"]


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round: what was looked at, how it scored, what was removed because of it.

    Attributes:
        number: Counted from 0.
        active: (N,), bool: the training images that were scored, or fitted on.
        scores: (N,), of the training images; NaN where not active.
        test_scores: (T,), of the test images; None where no detector was fitted yet.
        removed: (N,), bool: the training images removed after this round.
        threshold: What the scores were held against; None where there is no rule.
        seconds: Fit, scoring and judging together.
    """

    number: int
    active: Tensor
    scores: Tensor
    test_scores: Tensor | None = None
    removed: Tensor
    threshold: float | None = None
    seconds: float = 0.0


def as_state(rounds: list[Round]) -> list[dict[str, Any]]:
    """Rounds as plain values and tensors, for a checkpoint."""
    return [asdict(r) for r in rounds]


def from_state(state: list[dict[str, Any]]) -> list[Round]:
    """The rounds of a checkpoint."""
    return [Round(**r) for r in state]
