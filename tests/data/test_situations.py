"""Further odd folders, on generated images: what is read, and what is said."""

import shutil
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from irp_lightning.data.config import DataConfig
from irp_lightning.data.dataset import Dataset, read_images
from irp_lightning.data.headers import bounded_header
from irp_lightning.data.images import load_rgb
from irp_lightning.foundation.errors import InputError


@pytest.fixture
def folder(images: Path, tmp_path: Path) -> Path:
    """A copy of the small category that may be spoilt: 16 + 6 normal images, 4 of each defect."""
    return Path(shutil.copytree(images / "fabric", tmp_path / "data" / "fabric"))


def read(folder: Path, groups: str = "none", **values: object) -> Dataset:
    place = ("mvtec", str(folder.parent), folder.name, "published", groups, 64, "none", "error")
    return read_images(DataConfig(*place, **values))  # type: ignore[arg-type]


def said(images: Dataset) -> dict[str, int]:
    return {remark.kind: remark.count for remark in images.remarks}


def falsifying(images: Dataset) -> set[str]:
    return {remark.kind for remark in images.remarks if remark.falsifies}


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def kind_of_defect(folder: Path) -> str:
    return next(path.name for path in files(folder, "test/*") if path.name != "good")


def test_a_sound_folder_is_read_without_a_word(folder: Path) -> None:
    images = read(folder)
    assert len(images.samples) == 16 + len(files(folder, "test/*/*.png"))
    assert said(images) == {}


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


def test_masks_beside_training_images_are_not_trained_on(folder: Path) -> None:
    for file in files(folder, "train/good/*.png"):
        Image.new("L", (64, 64)).save(file.with_name(f"{file.stem}_mask.png"))
    images = read(folder)
    assert Counter(sample.side for sample in images.samples)["train"] == 16
    assert said(images) == {"masks_beside": 16}


def test_folders_that_the_layout_does_not_know_are_said(folder: Path) -> None:
    shutil.copytree(folder / "train" / "good", folder / "validation" / "good")
    shutil.copytree(folder / "test" / kind_of_defect(folder), folder / "train" / "scratched")
    texts = [remark.text for remark in read(folder).remarks if remark.kind == "elsewhere"]
    assert [text.split(" are")[0] for text in texts] == [
        "16 images of validation/",
        "4 images of train/scratched/",
    ]


@pytest.mark.parametrize("recursive", [False, True])
def test_a_sub_folder_of_masks_holds_no_photographs(folder: Path, recursive: bool) -> None:
    kind = folder / "test" / kind_of_defect(folder)
    shutil.copytree(kind, kind / "Masks")
    images = read(folder, recursive=recursive)
    assert len(images.samples) == 16 + len(files(folder, "test/*/*.png"))
    assert said(images) == {"folders_of_masks": 4}


def test_transparency_is_dropped_and_said(folder: Path) -> None:
    first, second, third, *_ = files(folder, "train/good/*.png")
    for file, alpha in ((first, 0), (second, 255)):
        image = Image.open(file).convert("RGBA")
        image.putalpha(alpha)
        image.save(file)
    Image.open(third).convert("RGB").quantize(16).save(third, transparency=3)
    images = read(folder)
    assert said(images) == {"transparent": 2}  # an opaque layer hides nothing


def test_numbers_that_are_not_finite_are_said(folder: Path) -> None:
    for i, file in enumerate(files(folder, "t*/*/*.png")):
        numbers = np.asarray(Image.open(file).convert("L"), np.float32) / 255
        if i == 0:
            numbers = numbers.copy()
            numbers[:5] = np.nan
        Image.fromarray(numbers).save(file.with_suffix(".tif"))
        file.unlink()
    images = read(folder)
    assert said(images)["not_finite"] == 1
    damaged = folder / "test/good/000.tif"
    assert not load_rgb(damaged, images.depth).crop((0, 0, 64, 5)).getbbox()


def test_a_pointer_of_git_lfs_is_called_what_it_is(folder: Path) -> None:
    files(folder, "train/good/*.png")[2].write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    with pytest.raises(InputError, match=r"002\.png is .*Git LFS: run git lfs pull"):
        read(folder)


def test_16_bit_colour_in_tiff_is_refused_with_the_remedy(folder: Path) -> None:
    """Pillow reads such files and cuts them down to 8 bits without a word."""
    file = files(folder, "train/good/*.png")[0].with_suffix(".tif")
    _write_16_bit_colour_tiff(file)
    with pytest.raises(InputError, match=r"000\.tif .*16 bits a channel, in colour, .*convert it"):
        read(folder)


def _write_16_bit_colour_tiff(file: Path) -> None:
    """2 x 1 pixels, uncompressed."""
    import struct

    pixels = struct.pack("<6H", 1, 2, 3, 40000, 50000, 60000)
    tags = [
        *((256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 1, 140), (277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 12), (284, 3, 1, 1)),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    file.write_bytes(head.ljust(134, b"\0") + struct.pack("<3H", 16, 16, 16) + pixels)


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


def test_a_table_from_a_spreadsheet_with_semicolons_is_refused(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path;group\ntrain/good/000.png;a\n")
    with pytest.raises(InputError, match=r"path;group.*needs path and group"):
        read(folder, str(file))


def test_photographs_of_a_telephone_are_named_with_their_ending(folder: Path) -> None:
    for file in files(folder, "train/good/*.png"):
        file.rename(file.with_suffix(".HEIC"))
    with pytest.raises(InputError, match=r"16 files ending in \.heic are not read: convert them"):
        read(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small image of each format, with a tag where it has a place for it."""
    place = tmp_path_factory.mktemp("whole")
    image = Image.effect_noise((24, 16), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.5
    for ending in ("jpg", "png", "tif", "webp"):
        image.save(place / f"x.{ending}", exif=exif)
    for ending in ("jp2", "bmp", "gif", "tga", "ppm"):
        image.save(place / f"x.{ending}")
    return {file.name: file.read_bytes() for file in place.iterdir()}


@settings(max_examples=300)
@given(data=st.data())
def test_no_damage_to_a_file_ends_in_another_error(
    whole: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(whole)))
    content = bytearray(whole[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / f"damaged-{name}"
    file.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        bounded_header(file, 10_000, "data.max_pixels=")  # as a run does, before it decodes
        load_rgb(file)
    except InputError as error:
        text = str(error)
    else:
        return
    assert str(file) in text
    assert "\n" not in text
