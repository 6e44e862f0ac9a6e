"""Further odd folders, on generated images: what is read, and what is said."""

import os
import shutil
import struct
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from irp_lightning.data.config import DataConfig
from irp_lightning.data.contamination import draw_pool
from irp_lightning.data.dataset import Dataset, read_images
from irp_lightning.data.headers import bounded_header
from irp_lightning.data.images import load_rgb
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import load


def deep_png(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel with transparency, which Pillow does not write: (H, W, 4) uint16."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


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


def mask_folder(folder: Path) -> Path:
    return folder / "ground_truth" / kind_of_defect(folder)


@pytest.mark.parametrize("name", ["000_gt.png", "000.png", "000_mask.tif", "000/part.png"])
def test_a_second_mask_of_one_image_is_refused(folder: Path, name: str) -> None:
    other = mask_folder(folder) / name
    other.parent.mkdir(exist_ok=True)
    Image.new("L", (64, 64)).save(other)
    with pytest.raises(InputError, match=r"000\.png has several masks, \S+ and \S+; leave one"):
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


def test_a_tag_that_the_header_does_not_see_turns_neither_image_nor_mask(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4))
    image.putpixel((0, 0), (255, 255, 255))
    xmp = PngImagePlugin.PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    image.save(tmp_path / "a.png", pnginfo=xmp)
    assert load_rgb(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)
    assert bounded_header(tmp_path / "a.png", 100, "").orientation == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_colour_is_turned_as_the_tag_says(tmp_path: Path, orientation: int) -> None:
    values = np.arange(24, dtype=np.uint16).reshape(3, 2, 4) * 256
    values[..., 3] = 65_535
    shown = Image.fromarray((values[..., :3] >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown.getexif()[0x0112] = orientation
    data = deep_png(values)
    tag = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(tag)) + b"eXIf" + tag + struct.pack(">I", zlib.crc32(b"eXIf" + tag))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    expected = np.asarray(ImageOps.exif_transpose(shown))
    assert np.array_equal(np.asarray(load_rgb(tmp_path / "a.png")), expected)


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
    with pytest.raises(InputError, match="every normal image to train on is, byte for byte"):
        draw_pool(read(folder), "published", "share", 0.2, 0)


def test_two_names_that_tables_cannot_tell_apart_are_refused(folder: Path) -> None:
    file = files(folder, "train/good/*")[0]
    for name in (b"Gr\xfcn.png", rb"Gr\xfcn.png"):
        shutil.copy(file, file.parent / os.fsdecode(name))
    with pytest.raises(InputError, match=r"2 images are written train/good/Gr\\xfcn.png: a name that"):
        read(folder)


def test_a_kind_of_defect_that_is_said_to_be_normal_has_masks(folder: Path) -> None:
    images = read(folder, normal=("good", kind_of_defect(folder)))
    assert falsifying(images) == {"masks_of_normal"}


def test_bits_are_a_whole_number_however_they_are_written() -> None:
    place = dict.fromkeys(("root", "category"), "x") | {"reader": "mvtec", "split": "published"}
    rest = {"groups": "none", "image_size": 64, "crop": "none", "on_bad_image": "error"}
    for written in (8, 8.0, "8"):
        depth = load(DataConfig, {**place, **rest, "depth": written}).depth
        assert depth == 8
        assert isinstance(depth, int)


def test_colour_of_16_bits_that_is_cut_down_is_refused_and_565_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6\n2 2\n65535\n" + bytes(24))
    with pytest.raises(InputError, match="16 bits a channel, in colour, are read of PNG alone"):
        load_rgb(tmp_path / "a.ppm")
    # Five, six and five bits of a pixel in 16: all of red.
    head = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 16, 3, 4, 0, 0, 0, 0)
    bits = struct.pack("<IIIHH", 0xF800, 0x7E0, 0x1F, 0xF800, 0)
    (tmp_path / "a.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 70, 0, 0, 66) + head + bits)
    assert load_rgb(tmp_path / "a.bmp").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("suffix", [".jp2", ".j2k"])
def test_colour_of_16_bits_in_jpeg_2000_is_refused_and_of_12_is_not(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"deep{suffix}"
    Image.new("RGB", (8, 8), (200, 9, 9)).save(file)
    content = bytearray(file.read_bytes())
    size = content.index(
        b"\xff\x4f\xff\x51"
    )  # the codestream says it of each channel, a .jp2 again before
    places = [size + 42 + 3 * channel for channel in range(3)]
    places += [content.index(b"ihdr") + 14] if suffix == ".jp2" else []
    for bits in (12, 16):
        for place in places:
            content[place] = bits - 1
        file.write_bytes(content)
        if bits == 12:
            assert load_rgb(file).size == (8, 8)
    with pytest.raises(InputError, match="16 bits a channel, in colour, are read of PNG alone"):
        load_rgb(file)


def test_transparency_of_16_bits_is_said(folder: Path) -> None:
    for i, file in enumerate(files(folder, "train/good/*")):
        pixels = np.full((64, 64, 4), 40_000 + i, np.uint16)
        pixels[:20, :, :3] = i
        pixels[..., 3] = 65_535 if i else 100
        file.write_bytes(deep_png(pixels))
    assert said(read(folder))["transparent"] == 1


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
