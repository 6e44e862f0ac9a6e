"""Behaviour of grouping: from nothing, and from a file."""

from pathlib import Path

import pytest
from groupings import named_samples, pairs

from irp_lightning.data.groups import find_groups, fold_groups
from irp_lightning.foundation.errors import InputError


def test_none_makes_each_image_a_group_of_its_own() -> None:
    groups = find_groups(named_samples("train/good/a.png", "train/good/b.png"), "none", 1)
    assert len(set(groups)) == 2


def test_file_groups_the_images_it_names_and_leaves_others_alone(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,7\nc.png,7\nb.png,8\nnot_here.png,8\n")
    groups = find_groups(named_samples("a.png", "b.png", "c.png", "d.png", "e.png"), str(file), 1)
    assert pairs(groups) == {(0, 2)}


def test_file_may_have_further_columns_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text('group,remark,path\n1,"two, shots",a.png\n1,,b.png\n')
    assert pairs(find_groups(named_samples("a.png", "b.png", "c.png"), str(file), 1)) == {(0, 1)}


def test_group_called_like_an_unnamed_image_does_not_take_it_in(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,b.png\n")
    assert pairs(find_groups(named_samples("a.png", "b.png"), str(file), 1)) == set()


def test_file_that_puts_an_image_into_two_groups_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,7\nb.png,8\na.png,7\na.png,8\n")
    with pytest.raises(InputError, match=r"puts a.png into two groups, the second \(8\) in line 5"):
        find_groups(named_samples("a.png", "b.png"), str(file), 1)


def test_groups_of_a_table_that_is_no_utf_8_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_bytes("path,group\na.png,\xfc\nb.png,\xf6\nc.png, \xf6\n".encode("latin-1"))
    assert pairs(find_groups(named_samples("a.png", "b.png", "c.png"), str(file), 1)) == {(1, 2)}


def _error(source: Path) -> str:
    with pytest.raises(InputError) as caught:
        find_groups(named_samples("train/good/a.png"), str(source), 1)
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)
    return str(caught.value)


def test_missing_file_is_named_with_what_else_is_allowed(tmp_path: Path) -> None:
    message = _error(tmp_path / "groups.csv")
    assert "none" in message
    assert "auto" in message


def test_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    _error(tmp_path)


@pytest.mark.parametrize(
    "content", ["file,group\na,1\n", "path\na.png\n", "path;group\na;1\n", '"a\nb",c\n1,2\n']
)
def test_file_with_other_columns_says_which_it_needs(tmp_path: Path, content: str) -> None:
    file = tmp_path / "groups.csv"
    file.write_text(content)
    assert "path and group" in _error(file)


def test_file_that_names_none_of_the_images_shows_how_a_path_looks(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\n/data/screw/train/good/a.png,1\n")
    assert "train/good/a.png" in _error(file).replace("/data/screw/train/good/a.png", "")


def test_file_saved_by_excel_is_read(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,1\nb.png,1\n", encoding="utf-8-sig")
    assert pairs(find_groups(named_samples("a.png", "b.png"), str(file), 1)) == {(0, 1)}


def test_file_that_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_bytes(b"path,group\n\xff\xfe\x00.png,1\n")
    _error(file)


@pytest.mark.parametrize("row", ["{},\n", "{}\n"])
def test_image_with_an_empty_group_is_a_group_of_its_own(tmp_path: Path, row: str) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\n" + row.format("a.png") + row.format("b.png") + "c.png,1\n")
    assert pairs(find_groups(named_samples("a.png", "b.png", "c.png"), str(file), 1)) == set()


@pytest.mark.parametrize("source", ["auto", "groups.csv"])
def test_folds_keep_the_known_groups_of_the_training_images_together(source: str) -> None:
    # The files are not there: nothing is looked for where groups are known.
    samples = named_samples("a.png", "b.png", "c.png", "d.png", "e.png")
    groups = fold_groups(samples, ["y", "x", "z", "x", "w"], list("abcde"), source)
    assert groups == [0, 1, 2, 1, 3]
