"""Further odd folders, on generated images: what is read, and what is said."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image
from spoilt_folder import falsifying, files, kind_of_defect, read, said

from irp_lightning.data.config import DataConfig
from irp_lightning.data.contamination import draw_pool
from irp_lightning.data.dataset import read_images
from irp_lightning.foundation.errors import InputError


def test_a_sound_folder_is_read_without_a_word(folder: Path) -> None:
    images = read(folder)
    assert len(images.samples) == 16 + len(files(folder, "test/*/*.png"))
    assert said(images) == {}


def test_groups_on_both_sides_of_a_published_split_are_said(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("path,group\ntrain/good/000.png,a\ntrain/good/001.png,a\ntest/good/000.png,a\n")
    assert said(read(folder, str(table)))["groups_on_both_sides"] == 2
    assert "groups_on_both_sides" in falsifying(read(folder, str(table)))
    place = ("mvtec", str(folder.parent), folder.name, "grouped", str(table), 64, "none", "error")
    assert "groups_on_both_sides" not in said(read_images(DataConfig(*place)))


def test_a_folder_whose_training_images_are_all_tested_on_is_refused(folder: Path) -> None:
    for file in files(folder, "train/good/*"):
        shutil.copy(folder / "test" / "good" / "000.png", file)
    with pytest.raises(InputError, match="every normal training image is identical to a test image"):
        draw_pool(read(folder), "published", "share", 0.2, 0)


def test_two_names_that_tables_cannot_tell_apart_are_refused(folder: Path) -> None:
    file = files(folder, "train/good/*")[0]
    for name in (b"Gr\xfcn.png", rb"Gr\xfcn.png"):
        shutil.copy(file, file.parent / os.fsdecode(name))
    with pytest.raises(InputError, match=r"2 images are written train/good/Gr\\xfcn.png: a name that"):
        read(folder)


@pytest.mark.parametrize("change", ["format", "colour", "size"])
def test_a_file_that_gives_the_label_away_is_said(folder: Path, change: str) -> None:
    for file in files(folder, "test/*/*.png"):
        if file.parent.name != "good":
            image = Image.open(file).convert("RGB")
            if change == "format":
                image.save(file.with_suffix(".jpg"), quality=95)
                file.unlink()
            elif change == "colour":
                image.convert("L").save(file)
            else:
                image.resize((80, 80)).save(file)
    images = read(folder)
    assert falsifying(images) == {f"{change}_tells"}
    assert said(images)[f"{change}_tells"] == sum(s.label for s in images.samples)


def test_sizes_of_their_own_give_nothing_away(folder: Path) -> None:
    for i, file in enumerate(files(folder, "t*/*/*.png")):
        Image.open(file).resize((60 + i, 60 + i)).save(file)
    assert falsifying(read(folder)) == set()


def test_a_hidden_folder_of_normal_images_is_said_and_other_hidden_ones_are_not(folder: Path) -> None:
    for name in (".good", ".ipynb_checkpoints"):
        shutil.copytree(folder / "test/good", folder / "test" / name)
    (remark,) = read(folder).remarks
    assert remark.text == "6 images of test/.good/ are not read: the layout has no such folder"


@pytest.mark.parametrize("name", ["negative", "regular", "0", "good_2"])
def test_further_names_that_mean_normal_are_asked_about(folder: Path, name: str) -> None:
    (folder / "test/good").rename(folder / "test" / name)
    with pytest.raises(InputError, match=rf"set data\.normal={name} if they are"):
        read(folder)
    assert said(read(folder, normal=(name,))) == {}


def test_folders_that_the_layout_does_not_know_are_said(folder: Path) -> None:
    shutil.copytree(folder / "train" / "good", folder / "validation" / "good")
    shutil.copytree(folder / "test" / kind_of_defect(folder), folder / "train" / "scratched")
    texts = [remark.text for remark in read(folder).remarks if remark.kind == "elsewhere"]
    assert [text.split(" are")[0] for text in texts] == [
        "16 images of validation/",
        "4 images of train/scratched/",
    ]


def test_a_table_from_a_spreadsheet_with_semicolons_is_refused(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path;group\ntrain/good/000.png;a\n")
    with pytest.raises(InputError, match=r"path;group.*needs path and group"):
        read(folder, str(file))
