"""Odd image files, on generated images: read as they are shown, or refused with the reason."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin
from spoilt_folder import files, read, said

from irp_lightning.data.config import DataConfig
from irp_lightning.data.files.bit_depth import Extent
from irp_lightning.data.files.headers import bounded_header
from irp_lightning.data.files.images import examine, load_rgb
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import load

COLOURS = {3: 2, 4: 6, 2: 4}
"""PNG's number of a kind of colour, by the channels of a pixel: RGB, RGBA, grey and transparency."""

INTERLACED = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
"""First row, first column, and the steps of Adam7's passes."""


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deep_png(pixels: np.ndarray, *more: bytes, interlaced: bool = False) -> bytes:
    """A PNG of 16 bits a channel in colour, which Pillow does not write: (H, W, C) uint16."""
    height, width, channels = pixels.shape
    passes = [pixels[y::dy, x::dx] for y, x, dy, dx in INTERLACED] if interlaced else [pixels]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for p in passes if p.size for line in p)
    kind = COLOURS[channels]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, interlaced))
    rest = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + rest


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
    (tmp_path / "a.png").write_bytes(data[:33] + chunk(b"eXIf", tag) + data[33:])
    expected = np.asarray(ImageOps.exif_transpose(shown))
    assert np.array_equal(np.asarray(load_rgb(tmp_path / "a.png")), expected)


@pytest.mark.parametrize("channels", COLOURS)
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"gAMA", struct.pack(">I", 45_455)),
        (b"sBIT", b"\x0c"),
        (b"sRGB", b"\0"),
        (b"bKGD", struct.pack(">H", 9)),
        (b"tRNS", b""),
    ],
)
def test_deep_colour_is_read_bit_by_bit(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    channels: int,
    interlaced: bool,
    name: bytes,
    data: bytes,
) -> None:
    """Whatever else the file says of gamma, bits, background or transparency."""
    pixels = np.random.default_rng(channels).integers(0, 65_536, (11, 13, channels)).astype(np.uint16)
    if name == b"tRNS":
        data = pixels[2, 3].astype(">u2").tobytes()  # a colour that is transparent
    elif name in (b"sBIT", b"bKGD"):
        data *= {b"sBIT": channels, b"bKGD": 3 if channels > 2 else 1}[name]
    more = () if name == b"tRNS" and channels != 3 else (chunk(name, data),)
    file = tmp_path / "a.png"
    file.write_bytes(deep_png(pixels, *more, interlaced=interlaced))
    colours = pixels[..., [0, 0, 0]] if channels == 2 else pixels[..., :3]
    assert np.array_equal(np.asarray(load_rgb(file)), (colours >> 8).astype(np.uint8))
    (extent,) = examine([file], 1).values()
    assert isinstance(extent, Extent)
    assert (extent.lowest, extent.highest) == (colours.min(), colours.max())
    assert extent.transparent == (channels != 3 or bool(more and name == b"tRNS"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("harm", ["cut off", "a bit turned"])
def test_damaged_deep_colour_is_refused(tmp_path: Path, harm: str) -> None:
    data = bytearray(
        deep_png(np.random.default_rng(0).integers(0, 65_536, (40, 40, 3)).astype(np.uint16))
    )
    file = tmp_path / "a.png"
    if harm == "cut off":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"^\S+a\.png is not a readable image \(.+\)$"):
        load_rgb(file)


def test_bits_are_a_whole_number_however_they_are_written() -> None:
    place = dict.fromkeys(("root", "category"), "x") | {"reader": "mvtec", "split": "published"}
    rest = {"groups": "none", "image_size": 64, "crop": "none", "on_bad_image": "error"}
    for written in (8, 8.0, "8"):
        bit_depth = load(DataConfig, {**place, **rest, "bit_depth": written}).bit_depth
        assert bit_depth == 8
        assert isinstance(bit_depth, int)


def test_colour_of_16_bits_that_is_cut_down_is_refused_and_565_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6\n2 2\n65535\n" + bytes(24))
    with pytest.raises(InputError, match="16 bits a channel, in colour, are read only from PNG"):
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
    with pytest.raises(InputError, match="16 bits a channel, in colour, are read only from PNG"):
        load_rgb(file)


def test_transparency_of_16_bits_is_said(folder: Path) -> None:
    for i, file in enumerate(files(folder, "train/good/*")):
        pixels = np.full((64, 64, 4), 40_000 + i, np.uint16)
        pixels[:20, :, :3] = i
        pixels[..., 3] = 65_535 if i else 100
        file.write_bytes(deep_png(pixels))
    assert said(read(folder))["transparent"] == 1


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
    assert not load_rgb(damaged, images.bit_depth).crop((0, 0, 64, 5)).getbbox()


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
