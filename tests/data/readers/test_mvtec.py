"""Behaviour of the MVTec-AD reader: what it lists, what it leaves out, what it says is missing."""

import re
from pathlib import Path

import pytest
from PIL import Image

from irp_lightning.data.config import DataConfig
from irp_lightning.data.readers import mvtec
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError


def _read(root: Path, category: str) -> list[Sample]:
    config = DataConfig("mvtec", str(root), category, "published", "none", 64, "none", "error")
    return mvtec.read(config).samples


def _write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(file)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One category: two normal training images, one normal and three defective test images."""
    part = tmp_path / "screw"
    _write(
        part / "train/good/001.png",
        part / "train/good/000.png",
        part / "test/good/000.png",
        part / "test/scratch/000.png",
        part / "test/scratch/001.png",
        part / "test/bent/000.png",
        part / "ground_truth/scratch/000_mask.png",
        part / "ground_truth/bent/000_mask.png",
    )
    return tmp_path


def test_lists_training_images_first_then_test_images_by_name(root: Path) -> None:
    names = [sample.name for sample in _read(root, "screw")]
    assert names == [
        "train/good/000.png",
        "train/good/001.png",
        "test/bent/000.png",
        "test/good/000.png",
        "test/scratch/000.png",
        "test/scratch/001.png",
    ]


def test_sample_knows_file_side_defect_and_label(root: Path) -> None:
    samples = _read(root, "screw")
    assert [(s.side, s.defect, s.label) for s in samples] == [
        ("train", "good", 0),
        ("train", "good", 0),
        ("test", "bent", 1),
        ("test", "good", 0),
        ("test", "scratch", 1),
        ("test", "scratch", 1),
    ]
    assert all(sample.path == root / "screw" / sample.name for sample in samples)


def test_mask_is_attached_where_there_is_one(root: Path) -> None:
    masks = {sample.name: sample.mask for sample in _read(root, "screw")}
    truth = root / "screw/ground_truth"
    assert masks["test/bent/000.png"] == truth / "bent/000_mask.png"
    assert masks["test/scratch/000.png"] == truth / "scratch/000_mask.png"
    assert masks["test/scratch/001.png"] is None
    assert masks["test/good/000.png"] is None
    assert masks["train/good/000.png"] is None


def test_mask_of_a_jpeg_is_found_by_its_stem(root: Path) -> None:
    _write(root / "screw/test/bent/photo.jpg", root / "screw/ground_truth/bent/photo_mask.png")
    masks = {sample.name: sample.mask for sample in _read(root, "screw")}
    assert masks["test/bent/photo.jpg"] == root / "screw/ground_truth/bent/photo_mask.png"


def test_hidden_and_non_image_files_are_ignored(root: Path) -> None:
    before = _read(root, "screw")
    for folder in ("train/good", "test/good", "test/bent"):
        for name in (
            ".DS_Store",
            "._000.png",
            ".hidden.png",
            "Thumbs.db",
            "notes.txt",
            "no_suffix",
        ):
            (root / "screw" / folder / name).write_bytes(b"x")
    (root / "screw/test/license.png").write_bytes(b"x")  # A file beside the folders of defects.
    assert _read(root, "screw") == before


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "jpeg", "JPG", "bmp", "tif", "tiff", "webp"])
def test_common_image_suffixes_are_listed_in_any_case(root: Path, suffix: str) -> None:
    _write(root / f"screw/train/good/extra.{suffix}")
    assert f"train/good/extra.{suffix}" in [s.name for s in _read(root, "screw")]


def test_category_without_test_images_is_read(tmp_path: Path) -> None:
    _write(tmp_path / "own/train/good/a.png")
    path = tmp_path / "own/train/good/a.png"
    assert _read(tmp_path, "own") == [Sample(path, "train/good/a.png", "train")]


def _error(root: Path, category: str) -> str:
    with pytest.raises(InputError) as caught:
        _read(root, category)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_root_is_named_with_the_layout_and_where_to_get_it(tmp_path: Path) -> None:
    message = _error(tmp_path / "nowhere", "screw")
    assert str(tmp_path / "nowhere") in message
    assert "train/good" in message
    assert "mvtec.com" in message


def test_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive.tar").write_bytes(b"x")
    assert str(tmp_path / "archive.tar") in _error(tmp_path / "archive.tar", "screw")


def test_missing_category_names_those_that_are_there(root: Path) -> None:
    _write(root / "cable/train/good/000.png")
    (root / "downloads").mkdir()
    message = _error(root, "bottle")
    assert "bottle" in message
    assert str(root) in message
    assert re.search(r"choose one of: cable, screw$", message)


def test_missing_category_in_an_empty_root_shows_the_layout(tmp_path: Path) -> None:
    message = _error(tmp_path, "bottle")
    assert "bottle" in message
    assert "train/good" in message


@pytest.mark.parametrize("leave_folder", [False, True])
def test_category_without_training_images_names_the_folder(root: Path, leave_folder: bool) -> None:
    folder = root / "screw/train/good"
    for file in folder.iterdir():
        file.unlink()
    if not leave_folder:
        folder.rmdir()
    message = _error(root, "screw")
    assert str(folder) in message
    assert "normal images" in message


def test_hidden_folders_are_no_kind_of_defect(root: Path) -> None:
    before = _read(root, "screw")
    _write(root / "screw/test/.ipynb_checkpoints/000-checkpoint.png")
    assert _read(root, "screw") == before
