"""What looks at a ranking change."""

import pytest
import torch

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.checks import check_verdicts
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.ranking import Ranking, follow

EACH = torch.arange(20)
"""No two files are identical."""


def test_trusted_images_stay_wherever_looks_move_the_cut() -> None:
    ranking = Ranking(torch.arange(20, 0, -1).double(), torch.zeros(20, 2, 2))
    before = Cleaning(active=torch.arange(20) >= 8)
    trusted = torch.zeros(20, dtype=torch.bool)
    trusted[[0, 3]] = True
    # The seventh is defective: so are those before it, but not what somebody vouches for.
    after = follow(before, ranking, {6: True}, EACH, trusted)
    assert after.active[[0, 3]].all()
    assert not after.active[[1, 2, 4, 5, 6]].any()
    # A look at the image itself counts more.
    assert not follow(before, ranking, {0: True}, EACH, trusted).active[0]


def test_looks_that_leave_nothing_are_refused() -> None:
    check_verdicts(dict.fromkeys(range(6), True), 9)
    with pytest.raises(InputError, match="leaves 2 of 9 photographs, and a detector needs 3"):
        check_verdicts(dict.fromkeys(range(7), True), 9)


def test_copies_share_a_verdict_and_trust() -> None:
    ranking = Ranking(torch.arange(20, 0, -1).double(), torch.zeros(20, 2, 2))
    before = Cleaning(active=torch.arange(20) >= 8)
    copies = EACH.clone()
    copies[[15, 19]] = 1  # three files of one photograph
    copies[2] = 18
    none, trusted = torch.zeros(20, dtype=torch.bool), EACH == 18
    assert not follow(before, ranking, {19: True}, copies, none).active[[1, 15, 19]].any()
    assert follow(before, ranking, {19: False}, copies, none).active[[1, 15, 19]].all()
    assert follow(before, ranking, {6: True}, copies, trusted).active[2]


def test_the_cut_never_parts_equal_scores() -> None:
    scores = torch.arange(20, 0, -1).double()
    scores[5:12] = 9.5
    before = Cleaning(active=EACH >= 8)  # the cut is among the equal ones
    none = torch.zeros(20, dtype=torch.bool)
    after = follow(before, Ranking(scores, torch.zeros(20, 2, 2)), {0: True}, EACH, none)
    assert after.active[5:12].all() or not after.active[5:12].any()
