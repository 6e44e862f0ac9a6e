"""Identical files are one photograph."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.clean import Cleaning, clean
from irp_lightning.refinement.copies import number_copies, shared_scores, shared_verdicts
from irp_lightning.refinement.judgement import Pruning
from irp_lightning.refinement.rules import lambda_median, top_share

NAMES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


@given(st.lists(st.tuples(st.floats(0, 9), st.sampled_from("abc")), min_size=1))
def test_copies_score_as_the_highest_of_them(images: list[tuple[float, str]]) -> None:
    scores = torch.tensor([score for score, _ in images])
    found = shared_scores(scores, number_copies([digest for _, digest in images]))
    for i, (_, digest) in enumerate(images):
        assert found[i] == max(scores[j] for j, (_, other) in enumerate(images) if other == digest)


def test_what_was_not_scored_has_no_score() -> None:
    scores = torch.tensor([1.0, torch.nan, 2.0])
    assert shared_scores(scores, torch.tensor([0, 0, 0])).isnan().tolist() == [False, True, False]


def test_a_verdict_counts_for_all_copies() -> None:
    copies = number_copies(["x", "y", "x", "z"])
    assert shared_verdicts({2: True, 1: False}, copies, NAMES) == {0: True, 1: False, 2: True}


def test_contrary_verdicts_on_copies_are_refused() -> None:
    copies = number_copies(["x", "y", "x", "z"])
    with pytest.raises(InputError, match=r"a\.jpg as defective and its identical copy c\.jpg as normal"):
        shared_verdicts({0: True, 2: False}, copies, NAMES)


def test_copies_go_or_stay_together_whatever_the_last_digit_says() -> None:
    scores = torch.tensor([1.0, 1.1, 0.9, 1.0, 5.0, 5.0 + 1e-6, 1.05])
    copies = torch.tensor([0, 1, 2, 3, 4, 4, 5])

    def scorer(active: Tensor) -> Tensor:
        return scores

    # The rule's threshold is one of the scores: without sharing, one copy would lie on it.
    rule = Pruning(rule=partial(top_share, k=0.2), remove="all")
    done = clean(scorer, rule, Cleaning(torch.ones(7).bool()), copies=copies)  # type: ignore[arg-type]
    assert done.active[4] == done.active[5]
    trusted = torch.arange(7) == 4
    rule = Pruning(rule=partial(lambda_median, k=2.0), remove="all")
    done = clean(scorer, rule, Cleaning(torch.ones(7).bool()), copies=copies, trusted=trusted)  # type: ignore[arg-type]
    assert done.active.all()
