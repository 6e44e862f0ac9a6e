"""Behaviour of the KSDD2 reader: the mask decides, and the crop's victims are counted."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irp_lightning.data.audit.mask_checks import check_masks
from irp_lightning.data.config import MAX_PIXELS, DataConfig
from irp_lightning.data.readers import ksdd2
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError

WIDTH, HEIGHT = 24, 64
"""As tall and narrow as the dataset's pictures; the central square is the rows 20 to 43."""


def _read(root: Path) -> list[Sample]:
    data = DataConfig("ksdd2", str(root), "-", "published", "none", 64, "none", "error")
    return ksdd2.read(data).samples


def _cropped_away(samples: list[Sample], crop: str) -> int:
    return len(check_masks(samples, crop, MAX_PIXELS).cropped_away)


def _write(
    root: Path, name: str, *pixels: tuple[int, int], value: int = 255, size=(WIDTH, HEIGHT)
) -> None:
    """An image ``side/ID`` and its mask, which has ``value`` at the given (row, column) pixels."""
    file = root / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 90, 90)).save(file)
    mask = np.zeros(size[::-1], dtype=np.uint8)
    for pixel in pixels:
        mask[pixel] = value
    Image.fromarray(mask).save(root / f"{name}_GT.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A normal and a defective image on each side."""
    _write(tmp_path, "train/10000")
    _write(tmp_path, "train/10001", (30, 3))
    _write(tmp_path, "test/20000", (0, 0))
    _write(tmp_path, "test/20001")
    return tmp_path


def test_lists_both_sides_without_the_masks(root: Path) -> None:
    assert _read(root) == [
        Sample(root / "train/10000.png", "train/10000.png", "train"),
        Sample(
            root / "train/10001.png",
            "train/10001.png",
            "train",
            "defect",
            root / "train/10001_GT.png",
        ),
        Sample(root / "test/20000.png", "test/20000.png", "test", "defect", root / "test/20000_GT.png"),
        Sample(root / "test/20001.png", "test/20001.png", "test"),
    ]


@pytest.mark.parametrize("value", [1, 128, 255])
def test_one_pixel_that_is_not_zero_makes_a_defect(root: Path, value: int) -> None:
    _write(root, "train/10002", (63, 23), value=value)
    assert {s.name: s.label for s in _read(root)}["train/10002.png"] == 1


def test_hidden_and_non_image_files_are_ignored(root: Path) -> None:
    before = _read(root)
    for name in (".DS_Store", "._10000.png", "Thumbs.db", "split.pyb"):
        (root / "train" / name).write_bytes(b"x")
    assert _read(root) == before


def _error(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        _read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_root_is_named_with_the_layout_and_where_to_get_it(tmp_path: Path) -> None:
    message = _error(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in message
    assert "ID_GT.png" in message
    assert "vicos.si" in message


@pytest.mark.parametrize("side", ["train", "test"])
def test_side_without_images_is_named(root: Path, side: str) -> None:
    for file in (root / side).iterdir():
        file.unlink()
    assert str(root / side) in _error(root)


def test_missing_mask_is_named_and_not_taken_for_a_normal_image(root: Path) -> None:
    (root / "test/20001_GT.png").unlink()
    assert str(root / "test/20001_GT.png") in _error(root)


@pytest.mark.parametrize("content", [b"", b"text"])
def test_unreadable_mask_is_named(root: Path, content: bytes) -> None:
    (root / "train/10001_GT.png").write_bytes(content)
    assert str(root / "train/10001_GT.png") in _error(root)


def test_truncated_mask_is_named(root: Path) -> None:
    mask = root / "train/10001_GT.png"
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    Image.fromarray(noise).save(mask)
    mask.write_bytes(mask.read_bytes()[:400])
    assert str(mask) in _error(root)


def test_defect_at_the_end_of_a_tall_image_is_cropped_away(root: Path) -> None:
    # Of the fixture's two defects one lies in the middle, the other at the top.
    samples = _read(root)
    assert _cropped_away(samples, "center") == 1
    assert _cropped_away(samples, "none") == 0


def test_every_cropped_defect_counts_once(root: Path) -> None:
    _write(root, "test/20002", (1, 1), (2, 2), (HEIGHT - 1, 5))
    _write(root, "test/20003", (HEIGHT - 1, 0))
    assert _cropped_away(_read(root), "center") == 3


def test_defect_that_shows_in_part_is_not_cropped_away(root: Path) -> None:
    _write(root, "test/20000", (0, 0), (32, 12))
    assert _cropped_away(_read(root), "center") == 0


@pytest.mark.parametrize(("row", "lost"), [(19, 1), (20, 0), (43, 0), (44, 1)])
def test_single_pixel_counts_by_the_exact_border_of_the_crop(
    tmp_path: Path, row: int, lost: int
) -> None:
    _write(tmp_path, "train/1", (row, 7))
    _write(tmp_path, "test/2")
    assert _cropped_away(_read(tmp_path), "center") == lost


@pytest.mark.parametrize("value", [1, 255])
def test_thin_defect_inside_the_crop_survives_at_the_dataset_size(tmp_path: Path, value: int) -> None:
    # Shrunk on the way to the backbone's size, one line or pixel could fall between the samples.
    size = (230, 630)
    for i, pixel in enumerate([(315, 115), (316, 114), (250, 1), (400, 228)]):
        _write(tmp_path, f"train/{i}", pixel, value=value, size=size)
    _write(tmp_path, "test/9", size=size)
    assert _cropped_away(_read(tmp_path), "center") == 0


def test_wide_images_are_cropped_at_their_sides(tmp_path: Path) -> None:
    size = (HEIGHT, WIDTH)
    _write(tmp_path, "train/1", (12, 2), size=size)
    _write(tmp_path, "train/2", (12, 32), size=size)
    _write(tmp_path, "test/3", size=size)
    assert _cropped_away(_read(tmp_path), "center") == 1


def _remarks(root: Path) -> dict[str, str]:
    data = DataConfig("ksdd2", str(root), "-", "published", "none", 64, "none", "error")
    return {remark.kind: remark.text for remark in ksdd2.read(data).remarks}


def test_two_images_of_one_mask_are_refused(root: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "train/10001.jpg")
    message = _error(root)
    assert "train/10001.jpg and" in message
    assert f"train/10001.png share one mask, {root / 'train/10001_GT.png'}" in message


def test_what_lies_beside_the_layout_is_said(root: Path) -> None:
    assert _remarks(root) == {}
    _write(root, "val/30000")
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "loose.png")
    Image.new("L", (WIDTH, HEIGHT)).save(root / "test/20009_GT.png")
    told = _remarks(root)
    assert told["elsewhere"] == "2 images of val/ are not read: the layout has no such folder"
    assert told["loose"].startswith("1 images are loose in the root and are not read (loose.png)")
    assert told["masks_unused"] == "1 masks belong to no image (test/20009_GT.png)"


def test_a_name_as_copies_have_makes_no_copy(root: Path) -> None:
    for number, pixel in ((1, ()), (2, ((30, 3),))):
        _write(root, f"train/part ({number})", *pixel)
        Image.new("RGB", (WIDTH, HEIGHT), (number, 90, 90)).save(root / f"train/part ({number}).png")
    labels = {s.name: s.label for s in _read(root)}
    assert (labels["train/part (1).png"], labels["train/part (2).png"]) == (0, 1)
    assert _remarks(root) == {}


def test_copies_lie_beside_their_original_or_hold_what_another_file_does(root: Path) -> None:
    before = {s.name for s in _read(root)}
    for file in ("train/10001 (copy).png", "test/20001_GT (2).png"):  # beside the original
        Image.new("L", (WIDTH, HEIGHT), 7).save(root / file)
    same = root / "train/other (1).png"
    same.write_bytes((root / "train/10000.png").read_bytes())
    for number in (1, 2):  # of two alike, the first is read
        _write(root, f"test/part ({number})")
        Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save(root / f"test/part ({number}).png")
    assert {s.name for s in _read(root)} == before | {"test/part (1).png"}
    told = _remarks(root)
    assert told["copies"].startswith("4 stray copies are not read (train/10001 (copy).png, train/other")
    assert told["masks_unused"] == "1 masks belong to no image (test/part (2)_GT.png)"


def test_empty_mask_of_a_normal_image_is_no_defect_cropped_away(root: Path) -> None:
    # Some datasets in the MVTec layout ship all-zero masks in ground_truth/good.
    mask = root / "train/10000_GT.png"
    normal = Sample(root / "train/10000.png", "test/good/0.png", "test", "good", mask)
    assert _cropped_away([normal], "center") == 0
