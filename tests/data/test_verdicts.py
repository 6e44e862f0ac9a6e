"""Reviews: what somebody who looked at images says of them."""

from pathlib import Path

import pytest

from irp_lightning.data.audit.remarks import Remark
from irp_lightning.data.samples import Sample
from irp_lightning.data.verdicts import read_verdicts
from irp_lightning.foundation.errors import WrongValue

SAMPLES = [Sample(Path(name), name, "train") for name in ("a.png", "=b.png", "gru\u0308n.png")]


def review(
    folder: Path, *rows: str, header: str = "path,verdict"
) -> tuple[dict[int, bool], list[Remark]]:
    file = folder / "review.csv"
    file.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return read_verdicts(str(file), SAMPLES)


def test_verdicts_are_read_however_they_are_spelt(tmp_path: Path) -> None:
    rows = ("a.png, Normal ", "a.png,normal", "'=b.png,defective", "gr\u00fcn.png,DEFECTIVE", ",")
    assert review(tmp_path, *rows, header="Path,Verdict") == ({0: False, 1: True, 2: True}, [])


def test_two_verdicts_on_one_image_are_refused_with_both_lines(tmp_path: Path) -> None:
    with pytest.raises(WrongValue, match=r"a\.png defective in line 2 and normal in line 4; keep one"):
        review(tmp_path, "a.png,defective", "=b.png,normal", "a.png,normal")


def test_photographs_that_are_gone_are_named_and_the_others_count(tmp_path: Path) -> None:
    found, (remark,) = review(tmp_path, "gone.png,normal", "a.png,defective", "old/x.png,normal")
    assert found == {0: True}
    assert remark.text == (
        "2 rows of review.csv match no training image (gone.png, old/x.png) and are ignored"
    )
    assert remark.count == 2


def test_a_review_of_other_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        WrongValue, match=r"none of the training images \(x\.png\); .* look like a\.png$"
    ):
        review(tmp_path, "x.png,normal")


def test_a_review_that_takes_everything_back_is_none(tmp_path: Path) -> None:
    assert review(tmp_path) == ({}, [])


def test_columns_besides_are_named(tmp_path: Path) -> None:
    _, (remark,) = review(tmp_path, "a.png,normal,Ann", header="path,verdict,who")
    assert "who" in remark.text


def test_another_word_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(WrongValue, match="has 'good' in line 3; write normal or defective"):
        review(tmp_path, "a.png,normal", "a.png,good")
