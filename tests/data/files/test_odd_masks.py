"""Odd masks, on generated images: which image each is of, and what is said of the others."""

import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from spoilt_folder import falsifying, files, kind_of_defect, read, said

from irp_lightning.foundation.errors import InputError


def mask_folder(folder: Path) -> Path:
    return folder / "ground_truth" / kind_of_defect(folder)


@pytest.mark.parametrize("name", ["000_gt.png", "000.png", "000_mask.tif", "000/part.png"])
def test_a_second_mask_of_one_image_is_refused(folder: Path, name: str) -> None:
    other = mask_folder(folder) / name
    other.parent.mkdir(exist_ok=True)
    Image.new("L", (64, 64)).save(other)
    with pytest.raises(InputError, match=r"000\.png has several masks, \S+ and \S+; keep one"):
        read(folder)


def test_a_mask_beside_its_image_and_another_in_the_folder_of_masks_are_refused(folder: Path) -> None:
    kind = kind_of_defect(folder)
    Image.new("L", (64, 64)).save(folder / "test" / kind / "000_mask.png")
    with pytest.raises(InputError, match="has several masks"):
        read(folder)


def test_names_that_differ_in_case_alone_find_their_own_masks(folder: Path) -> None:
    for place, end in ((folder / "test" / kind_of_defect(folder), ""), (mask_folder(folder), "_mask")):
        for first in "aA":
            shutil.copy(place / f"000{end}.png", place / f"{first}000{end}.png")
    masks = {s.path.name: s.mask.name for s in read(folder).samples if s.mask and "000" in s.name}
    assert masks == {"000.png": "000_mask.png", "a000.png": "a000_mask.png", "A000.png": "A000_mask.png"}


def test_masks_where_none_is_looked_for_are_said(folder: Path) -> None:
    masks, truth = mask_folder(folder), folder / "ground_truth"
    shutil.copytree(masks, truth / "good")
    shutil.copytree(masks, truth / "no such kind")
    shutil.copy(masks / "000_mask.png", truth / "loose.png")
    (folder / "test" / "empty").mkdir()
    images = read(folder)
    expected = {"masks_of_normal": 4, "masks_of_no_kind": 4, "masks_loose": 1, "empty_folders": 1}
    assert said(images) == expected
    assert falsifying(images) == {"masks_of_normal"}
    for file in files(truth, "good/*"):
        Image.new("L", (64, 64)).save(file)
    assert falsifying(read(folder)) == set()


def test_a_kind_of_defect_that_is_said_to_be_normal_has_masks(folder: Path) -> None:
    images = read(folder, normal=("good", kind_of_defect(folder)))
    assert falsifying(images) == {"masks_of_normal"}


def test_masks_beside_training_images_are_not_trained_on(folder: Path) -> None:
    for file in files(folder, "train/good/*.png"):
        Image.new("L", (64, 64)).save(file.with_name(f"{file.stem}_mask.png"))
    images = read(folder)
    assert Counter(sample.side for sample in images.samples)["train"] == 16
    assert said(images) == {"masks_beside": 16}


@pytest.mark.parametrize("recursive", [False, True])
def test_a_sub_folder_of_masks_holds_no_photographs(folder: Path, recursive: bool) -> None:
    kind = folder / "test" / kind_of_defect(folder)
    shutil.copytree(kind, kind / "Masks")
    images = read(folder, recursive=recursive)
    assert len(images.samples) == 16 + len(files(folder, "test/*/*.png"))
    assert said(images) == {"folders_of_masks": 4}


def test_accents_may_be_written_in_two_ways(folder: Path, tmp_path: Path) -> None:
    kind = kind_of_defect(folder)
    composed, apart = (unicodedata.normalize(form, "grün") for form in ("NFC", "NFD"))
    (folder / "test" / kind / "000.png").rename(folder / "test" / kind / f"{composed}.png")
    truth = folder / "ground_truth" / kind
    (truth / "000_mask.png").rename(truth / f"{apart}_mask.png")
    file = tmp_path / "groups.csv"
    file.write_text(f"path,group\ntest/{kind}/{apart}.png,a\ntest/{kind}/001.png,a\n", encoding="utf-8")
    images = read(folder, str(file))
    assert all(sample.mask for sample in images.samples if sample.label)
    assert said(images) == {"groups": len(images.samples) - 1}


@pytest.mark.parametrize("spelling", [str.upper, lambda name: unicodedata.normalize("NFD", name)])
def test_the_folder_of_masks_is_found_in_another_spelling(
    folder: Path, spelling: Callable[[str], str]
) -> None:
    old, new = kind_of_defect(folder), "grün"
    (folder / "test" / old).rename(folder / "test" / new)
    (folder / "ground_truth" / old).rename(folder / "ground_truth" / spelling(new))
    images = read(folder)
    assert all(sample.mask for sample in images.samples if sample.label)
    assert said(images) == {}


def test_a_folder_of_masks_that_may_be_of_two_kinds_is_of_neither(folder: Path) -> None:
    old = kind_of_defect(folder)
    for new in ("Cut", "CUT"):
        shutil.copytree(folder / "test" / old, folder / "test" / new)
    shutil.rmtree(folder / "test" / old)
    (folder / "ground_truth" / old).rename(folder / "ground_truth/cut")
    images = read(folder)
    assert {s.defect for s in images.samples if s.label and not s.mask} == {"Cut", "CUT"}
    assert said(images)["masks_of_no_kind"] == 4


@pytest.mark.parametrize("name", ["mask_{}", "{}.mask", "{}_masks", "gt-{}"])
def test_masks_beside_images_under_further_names_are_no_photographs(folder: Path, name: str) -> None:
    kind = kind_of_defect(folder)
    for mask in files(folder, f"ground_truth/{kind}/*.png"):
        stem = mask.stem.removesuffix("_mask")
        mask.rename(folder / "test" / kind / f"{name.format(stem)}.png")
    images = read(folder)
    assert len(images.samples) == 16 + len(files(folder, "test/*/*.png")) - 4
    assert all(sample.mask for sample in images.samples if sample.label)
    assert said(images) == {"masks_beside": 4}


def test_photographs_that_are_all_called_as_masks_are_photographs(folder: Path) -> None:
    for file in [*files(folder, "t*/*/*.png"), *files(folder, "ground_truth/*/*_mask.png")]:
        file.rename(file.with_name(f"mask_{file.name.replace('_mask', '')}"))
    images = read(folder)
    assert all(sample.mask for sample in images.samples if sample.label)
    assert said(images) == {}
