"""What a run prints at its end."""

from pathlib import Path
from typing import Any

import pytest

from irp_lightning.runs.summary import print_summary

LABELLED: dict[str, Any] = {
    **{"method": "irp", "category": "tile", "noise_achieved": 0.1, "noise_requested": 0.1},
    **{
        "train_images": 300,
        "unlabelled_images": 0,
        "removed": 31,
        "removed_good": 11,
        "removed_bad": 20,
    },
    **{"removal_precision": 0.645, "removal_recall": 0.667, "rounds": 3, "converged": True},
    **{"image_auroc": 0.9, "image_ap": 0.8, "test_images": 50, "seconds": {"fit": 1.0}},
}
UNLABELLED = {
    **LABELLED,
    **dict.fromkeys(("noise_achieved", "removed_good", "removed_bad", "image_auroc", "image_ap")),
    **{"unlabelled_images": 300, "test_images": 0},
}
CLEANED = {
    **{"suspects": 31, "kept": 269, "looks": 0, "threshold": 1.25, "false_alarms_asked": 0.01},
    **{"false_alarms_promised": 0.01, "false_alarms_between": [0.0004, 0.02]},
    **{"false_alarms_at_most": 0.12, "review": None},
}


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    def told(metrics: dict[str, Any]) -> str:
        print_summary(metrics, Path("out"))
        return " ".join(capsys.readouterr().out.split())

    return told


def test_with_labels_it_is_told_what_was_right(printed: Any) -> None:
    told = printed(LABELLED)
    assert "removed 20 defective, 11 normal (precision 0.645, recall 0.667)" in told
    assert "image AUROC 0.900 on 50 test images" in told
    assert "rounds 3, converged" in told


def test_without_labels_it_is_not(printed: Any) -> None:
    told = printed(UNLABELLED)
    assert "removed 31 of 300 unlabelled images" in told
    for word in ("AUROC", "AP", "noise", "None", "normal"):
        assert word not in told
    partly = printed({**UNLABELLED, "unlabelled_images": 280})
    assert "removed 31 of 300 images, 280 of them unlabelled" in partly


def test_test_images_of_one_kind_have_no_auroc(printed: Any) -> None:
    told = printed({**UNLABELLED, "test_images": 1})
    assert "image AUROC not known: 1 test image, of one kind" in told


def test_a_run_of_an_older_version_is_told_of(printed: Any) -> None:
    older = {key: v for key, v in UNLABELLED.items() if key not in ("removed", "unlabelled_images")}
    checked = {key: v for key, v in CLEANED.items() if key != "review"}
    told = printed(
        {**older, "cleaning": {**checked, "alarms_among_confirmed_normal": "0 of 0"}, "converged": None}
    )
    assert "suspects 31 of 300 photographs, 269 kept" in told
    assert "None" not in told


def test_what_was_asked_for_and_what_is_promised_never_look_equal(printed: Any) -> None:
    told = printed({**UNLABELLED, "cleaning": CLEANED})
    assert "1.25: 1 % false alarms guaranteed" in told
    assert "requested" not in told
    assert "0.04 % to 2 %" in told
    short = printed({**UNLABELLED, "cleaning": {**CLEANED, "false_alarms_promised": 1 / 99}})
    assert (
        "1.01 % false alarms guaranteed 1 % requested; so few groups of photographs guarantee no "
        "less than 1 in 99" in short
    )


def test_a_review_is_held_against_the_threshold(printed: Any) -> None:
    review = {"confirmed_defective": 4, "caught": 3, "confirmed_normal": 0, "alarmed": 0}
    told = printed({**UNLABELLED, "cleaning": {**CLEANED, "looks": 4, "review": review}})
    assert "3 of 4 marked defective score above the threshold" in told
    assert "if every suspect that nobody marked defective is a good part" in told
    assert "marked normal" not in told
