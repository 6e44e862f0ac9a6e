"""What looks at a ranking change."""

import pytest
import torch

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.checks import check_verdicts
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.ranking import Ranking, follow


def test_trusted_images_stay_wherever_looks_move_the_cut() -> None:
    ranking = Ranking(torch.arange(20, 0, -1).double(), torch.zeros(20, 2, 2))
    before = Cleaning(active=torch.arange(20) >= 8)
    trusted = torch.zeros(20, dtype=torch.bool)
    trusted[[0, 3]] = True
    # The seventh is defective: so are those before it, but not what somebody vouches for.
    after = follow(before, ranking, {6: True}, trusted)
    assert after.active[[0, 3]].all()
    assert not after.active[[1, 2, 4, 5, 6]].any()
    # A look at the image itself counts more.
    assert not follow(before, ranking, {0: True}, trusted).active[0]


def test_looks_that_leave_nothing_are_refused() -> None:
    check_verdicts(dict.fromkeys(range(6), True), 9)
    with pytest.raises(InputError, match="leaves 2 of 9 photographs, and a detector needs 3"):
        check_verdicts(dict.fromkeys(range(7), True), 9)
