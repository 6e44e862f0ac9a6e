"""Which files are images, and what is said of the others."""

from pathlib import Path

import pytest
from PIL import Image

from irp_lightning.data.files.listing import Listing, hidden_folders, image_files, mask_of, sub_folders
from irp_lightning.data.files.normal_folders import means_normal


def write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(file, "PNG")


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("000_mask.png", "000"),
        ("000_MASK.PNG", "000"),
        ("a-b_GT.bmp", "a-b"),
        ("10301_GT (copy).png", "10301 (copy)"),
        ("part_label.tif", "part"),
        ("000.mask.png", "000"),
        ("000_masks.png", "000"),
        ("000_segmentation.png", "000"),
        ("mask_000.png", "000"),
        ("GT-000.png", "000"),
        ("label_000.png", None),
        ("000.png", None),
        ("mask.png", None),
        ("_mask.png", None),
        ("unmasked.png", None),
    ],
)
def test_masks_are_told_by_their_names(name: str, image: str | None) -> None:
    assert mask_of(Path(name)) == image


@pytest.mark.parametrize(
    "name",
    [
        *("Good", "OK", "normal", "ok_parts", "no defect", "Defect-Free", "i.O.", ".good"),
        *("negative", "Neg", "regular", "0"),
        *("good - Copy", "good_2", "OK1", "normal (1)", "no_defect_3", "good_images_2"),
    ],
)
def test_names_that_mean_normal(name: str) -> None:
    assert means_normal(name)


@pytest.mark.parametrize(
    "name",
    [
        "scratch",
        "not_ok",
        "nok",
        "abnormal",
        "bad",
        "broken",
        "goods",
        "",
        "1",
        "00",
        "copy",
        "scratch2",
        "0_scratch",
        "positive",
        "irregular",
    ],
)
def test_names_that_do_not(name: str) -> None:
    assert not means_normal(name)


def test_litter_is_neither_image_nor_kind_of_defect(tmp_path: Path) -> None:
    write(tmp_path / "a.png", tmp_path / "._a.png", tmp_path / "@eaDir/a.png/thumb.jpg")
    write(tmp_path / "__MACOSX/a.png", tmp_path / "lot/b.png")
    (tmp_path / "Thumbs.db").write_bytes(b"")
    assert image_files(tmp_path) == [tmp_path / "a.png"]
    assert sub_folders(tmp_path) == [tmp_path / "lot"]
    assert hidden_folders(tmp_path) == []
    write(tmp_path / ".good/a.png")
    assert hidden_folders(tmp_path) == [tmp_path / ".good"]


def test_what_is_passed_over_is_counted_with_its_names(tmp_path: Path) -> None:
    write(tmp_path / "good/a.png", tmp_path / "good/lot1/b.png", tmp_path / "good/lot1/deep/c.png")
    for name in ("notes.txt", "raw.heic", "list", "other.heic"):
        (tmp_path / "good" / name).write_bytes(b"")
    listing = Listing(tmp_path)
    assert [listing.name(path) for path in listing.images(tmp_path / "good")] == ["good/a.png"]
    remarks = {remark.text.split(" (")[0]: remark for remark in listing.remarks()}
    assert remarks["2 images in sub-folders are not read"].falsifies
    assert "data.recursive=true" in remarks["2 images in sub-folders are not read"].text
    heic = remarks["2 files ending in .heic are not read: convert them, for example to PNG"]
    assert (heic.count, heic.falsifies) == (2, True)
    for ending in (".txt", "nothing"):
        text = remarks[f"1 files ending in {ending} are not read: not a known image format"]
        assert (text.count, text.falsifies) == (1, False)


def test_images_without_the_ending_of_one_are_told_by_their_content(tmp_path: Path) -> None:
    write(*(tmp_path / name for name in ("000", "001", "photo.png?width=640")))
    for name in ("LICENSE", "notes.txt"):
        (tmp_path / name).write_text("no image")
    listing = Listing(tmp_path)
    assert listing.images(tmp_path) == []
    said = {remark.text.split(": ")[0]: remark for remark in listing.remarks()}
    without = said["3 files ending in nothing are not read"]
    assert without.falsifies
    assert "some are images" in without.text
    assert said["1 files ending in .png?width=640 are not read"].falsifies
    assert not said["1 files ending in .txt are not read"].falsifies


def test_recursion_reads_sub_folders_and_survives_a_circle(tmp_path: Path) -> None:
    write(tmp_path / "good/a.png", tmp_path / "good/lot1/b.png", tmp_path / "good/.hidden/c.png")
    (tmp_path / "good/lot1/up").symlink_to(tmp_path / "good")
    listing = Listing(tmp_path, recursive=True)
    names = [listing.name(path) for path in listing.images(tmp_path / "good")]
    assert names == ["good/a.png", "good/lot1/b.png"]
    assert listing.remarks() == []


def test_a_name_that_is_no_utf_8_is_escaped(tmp_path: Path) -> None:
    odd = tmp_path / "Gr\udcfcn.png"
    try:
        write(odd)
    except OSError as error:
        pytest.skip(f"this file system refuses the name: {error}")
    assert Listing(tmp_path).name(image_files(tmp_path)[0]) == r"Gr\xfcn.png"
