"""The loop around a scorer."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.clean import Cleaning, clean
from irp_lightning.refinement.judgement import Pruning
from irp_lightning.refinement.rules import lambda_median
from irp_lightning.runs.kept_cleaning import load_cleaning, save_cleaning

ALL = torch.ones(20, dtype=torch.bool)


class Distance:
    """The distance to the mean of what is active."""

    wants = "views"

    def __init__(self) -> None:
        self.values = torch.cat([1 + 0.01 * torch.arange(16.0), torch.tensor([5.0, 9.0, 30.0, 200.0])])
        self.seen: list[Tensor] = []

    def __call__(self, active: Tensor) -> Tensor:
        self.seen.append(active)
        return (self.values - self.values[active].median()).abs() + 0.1


def config(rounds: int = 10, remove: str = "worst") -> Pruning:
    return Pruning(rule=partial(lambda_median, k=8.0), max_rounds=rounds, remove=remove)


def test_until_nothing_stands_out() -> None:
    scorer = Distance()
    done = clean(scorer, config(), Cleaning(ALL))
    assert (~done.active).nonzero().flatten().tolist() == [16, 17, 18, 19]
    assert [r.removed.nonzero().flatten().tolist() for r in done.rounds] == [[19], [18], [17], [16], []]
    assert [r.number for r in done.rounds] == [0, 1, 2, 3, 4]
    assert done.converged is True
    assert done.settled
    assert done.rounds[1].scores.isnan().nonzero().flatten().tolist() == [19]
    assert all(r.test_scores is None for r in done.rounds)
    # A scorer is asked with what is left, and nothing else.
    assert [int(active.sum()) for active in scorer.seen] == [20, 19, 18, 17, 16]


def test_for_so_many_rounds() -> None:
    done = clean(Distance(), config(2), Cleaning(ALL))
    assert (~done.active).nonzero().flatten().tolist() == [18, 19]
    assert done.converged is False
    assert done.settled


def test_one_that_was_stopped_finds_the_same(tmp_path: Path) -> None:
    kept: list[Cleaning] = []
    whole = clean(Distance(), config(), Cleaning(ALL), after_round=kept.append)
    assert len(kept) == len(whole.rounds)
    for i, half in enumerate(kept):
        save_cleaning(half, tmp_path / f"{i}.ckpt")
        begun = load_cleaning(tmp_path / f"{i}.ckpt")
        assert begun is not None
        again = clean(Distance(), config(), begun)
        assert torch.equal(again.active, whole.active)
        assert again.converged == whole.converged
        for a, b in zip(again.rounds, whole.rounds, strict=True):
            torch.testing.assert_close(a.scores, b.scores, equal_nan=True, rtol=0, atol=0)
            assert (a.threshold, a.removed.tolist()) == (b.threshold, b.removed.tolist())


def test_a_file_that_is_cut_off_or_missing_is_no_beginning(tmp_path: Path) -> None:
    save_cleaning(Cleaning(ALL), tmp_path / "whole.ckpt")
    (tmp_path / "half.ckpt").write_bytes((tmp_path / "whole.ckpt").read_bytes()[:200])
    assert load_cleaning(tmp_path / "half.ckpt") is None
    assert load_cleaning(tmp_path / "none.ckpt") is None
    assert load_cleaning(None) is None


def test_what_is_settled_is_not_scored_again() -> None:
    scorer = Distance()
    done = Cleaning(ALL, settled=True)
    assert clean(scorer, config(), done) is done
    assert not scorer.seen


def test_a_scorer_gives_one_score_per_image() -> None:
    class Short(Distance):
        def __call__(self, active: Tensor) -> Tensor:
            return super().__call__(active)[active]

    begun = Cleaning(ALL & (torch.arange(20) > 0))
    with pytest.raises(InputError, match=r"^Short gave \(19,\) for 20 training images; .* \(20,\)$"):
        clean(Short(), config(), begun)
