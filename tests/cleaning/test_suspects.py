"""Rows of suspects say why an image stands where its score would not put it."""

from pathlib import Path

import torch

from irp_lightning.cleaning.review import ReviewCheck, check_review
from irp_lightning.cleaning.suspects import Suspect, clean_rows, removed_names, suspect_rows, suspects_of
from irp_lightning.data.samples import UNLABELLED, Sample
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.ranking import Ranking
from irp_lightning.refinement.rounds import Round

ACTIVE = torch.tensor([False, False, True, True, True])
AT_FIRST = torch.tensor([3.0, 1.40004, 1.2, 1.1, 1.0])
FINAL = torch.tensor([3.0, 1.1, 1.3, 1.25, 0.123456789], dtype=torch.double)


def found(
    verdicts: dict[int, bool], trusted: int | None = None, likely: tuple[int, ...] = ()
) -> list[Suspect]:
    """Five images, the first two removed in one round; two kept ones outrank the second in the end."""
    train = [
        Sample(Path(f"/{i}.png"), f"{i}.png", "train", UNLABELLED, trusted=i == trusted)
        for i in range(5)
    ]
    removal = Round(
        number=0,
        active=torch.ones(5, dtype=torch.bool),
        scores=AT_FIRST,
        removed=~ACTIVE,
        threshold=1.4,
        seconds=0.0,
    )
    return suspects_of(
        train,
        Cleaning(ACTIVE, [removal]),
        Ranking(FINAL, torch.zeros(5, 1, 1)),
        torch.full((5,), 4),
        torch.tensor([0, 1]),
        torch.tensor([9.0, 5.0, 4.0, 3.0, 2.0]),
        verdicts,
        torch.tensor([i in likely for i in range(5)]),
    )


def test_suspects_have_two_grades_and_only_sure_ones_are_removed() -> None:
    rows = suspect_rows(found({}, likely=(2, 3)))
    assert {row["path"]: row["grade"] for row in rows} == {
        **{"0.png": "sure", "1.png": "sure"},
        **{"2.png": "likely", "3.png": "likely"},
    }
    written = [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]
    assert removed_names(written) == ["0.png", "1.png"]


def test_who_was_looked_at_is_graded_by_that() -> None:
    grades = {s.index: s.grade for s in found({1: True, 2: False}, trusted=3, likely=(1, 2, 3))}
    assert grades == {0: "sure", 1: "sure", 2: "", 3: "", 4: ""}


def test_a_suspect_below_a_kept_image_says_why() -> None:
    first, second = suspect_rows(found({}))
    assert first["why"] == ""
    assert second["why"] == (
        "removed in round 0 with score 1.40004 above the threshold 1.40000; "
        "2 kept images score higher now"
    )


def test_a_verdict_is_why() -> None:
    looked = {s.index: s.why for s in found({1: True, 2: False}, trusted=3)}
    assert looked == {
        0: "",
        1: "marked defective in the review",
        2: "marked normal in the review",
        3: "trusted",
        4: "",
    }


def test_scores_are_not_rounded() -> None:
    rows = clean_rows(found({}), [])
    assert [row["final_score"] for row in rows] == [1.3, 1.25, 0.123456789]


def test_a_threshold_is_held_against_a_review() -> None:
    looked = {"0.png": True, "1.png": True, "2.png": False, "4.png": False}
    assert check_review(found({}), looked, 4.5) == ReviewCheck(2, 2, 2, 0)
    assert check_review(found({}), looked, 5.0) == ReviewCheck(2, 1, 2, 0)
    assert check_review(found({}), looked, 1.0) == ReviewCheck(2, 2, 2, 2)
    assert check_review(found({}), {}, 4.5) is None
