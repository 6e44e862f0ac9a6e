"""Behaviour of image decoding: every common kind of file becomes the same 8-bit RGB picture."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from irp_lightning.data.files.bit_depth import find_bit_depth
from irp_lightning.data.files.headers import read_header
from irp_lightning.data.files.images import examine, fit_square, load_rgb, load_square
from irp_lightning.data.files.masks import read_mask
from irp_lightning.foundation.errors import InputError, WrongValue

BILINEAR = Image.Resampling.BILINEAR


def _pixels(path: Path) -> np.ndarray:
    image = load_rgb(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def _random_rgb(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_rgb_is_left_as_it_is(tmp_path: Path) -> None:
    pixels = _random_rgb(5, 9)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(_pixels(tmp_path / "x.png"), pixels)


def test_grey_is_repeated_over_the_channels(tmp_path: Path) -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    Image.fromarray(grey).save(tmp_path / "x.png")
    np.testing.assert_array_equal(_pixels(tmp_path / "x.png"), np.stack([grey] * 3, -1))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_its_upper_bits(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 255, 256, 32767], [32768, 40000, 65279, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"x.{suffix}")
    with Image.open(tmp_path / f"x.{suffix}") as file:
        assert file.mode.startswith("I;16")  # Otherwise this would test nothing but 8 bits.
    wanted = [[0, 0, 1, 127], [128, 156, 254, 255]]
    np.testing.assert_array_equal(
        _pixels(tmp_path / f"x.{suffix}"), np.stack([np.array(wanted)] * 3, -1)
    )


@pytest.mark.parametrize(("value", "wanted"), [(1000, 3), (32768, 128), (65535, 255)])
def test_16_bit_grey_is_not_stretched_per_image(tmp_path: Path, value: int, wanted: int) -> None:
    # One grey alone has no range: stretching would make it black or white.
    Image.fromarray(np.full((3, 3), value, dtype=np.uint16)).save(tmp_path / "x.png")
    assert np.unique(_pixels(tmp_path / "x.png")).tolist() == [wanted]


def test_floating_point_is_taken_as_zero_to_one(tmp_path: Path) -> None:
    values = np.array([[0.0, 0.5], [1.0, 7.0]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "x.tif")
    assert _pixels(tmp_path / "x.tif")[..., 0].tolist() == [[0, 128], [255, 255]]


def tiff(file: Path, values: np.ndarray, zero_is_white: bool = False) -> Path:
    """A TIFF of one channel as its tags say, of kinds that Pillow does not write: (H, W)."""
    height, width = values.shape
    number_of = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = {256: width, 257: height, 258: 8 * values.dtype.itemsize, 259: 1, 262: int(not zero_is_white)}
    tags |= {273: 8, 277: 1, 278: height, 279: values.nbytes, 339: number_of}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    data = values.tobytes()
    file.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)
    return file


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_deep_images_whose_zero_is_white_are_refused(tmp_path: Path, kind: type) -> None:
    values = np.array([[0, 1]], kind)
    assert load_rgb(tiff(tmp_path / "black.tif", values)).size == (2, 1)
    file = tiff(tmp_path / "white.tif", values, zero_is_white=True)
    for read in (load_rgb, read_header, read_mask):
        with pytest.raises(InputError, match=r"white\.tif .*zero is white, .*; save it with zero black"):
            read(file)


def test_8_bits_whose_zero_is_white_are_turned(tmp_path: Path) -> None:
    file = tiff(tmp_path / "white.tif", np.array([[0, 255, 10]], np.uint8), zero_is_white=True)
    assert _pixels(file)[0, :, 0].tolist() == [255, 0, 245]


def test_8_bits_with_a_sign_are_refused_and_16_are_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its 8 bits are signed; save it unsigned"):
        load_rgb(tiff(tmp_path / "a.tif", np.array([[-3, 5]], np.int8)))
    file = tiff(tmp_path / "b.tif", np.array([[-3, 512]], np.int16))
    found = examine([file], 1)[file]
    assert (found.lowest, found.highest) == (-3, 512)


def test_32_bits_without_a_sign_keep_their_highest_numbers(tmp_path: Path) -> None:
    file = tiff(tmp_path / "a.tif", np.array([[0, 3_000_000_000]], np.uint32))
    found = examine([file], 1)[file]
    assert (found.lowest, found.highest) == (0, 3_000_000_000)
    with pytest.raises(
        WrongValue, match=r"up to 65535, and a\.tif holds 3e[+]09; scale the values down"
    ):
        find_bit_depth("auto", {"a.tif": found})


def test_1_bit_becomes_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False, True]])).save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as file:
        assert file.mode == "1"
    assert _pixels(tmp_path / "x.png")[0].tolist() == [[255] * 3, [0] * 3, [255] * 3]


@pytest.mark.parametrize("transparent", [None, 1, bytes([0, 128, 255])])
def test_palette_gives_its_colours_whatever_is_transparent(
    tmp_path: Path, transparent: int | bytes | None
) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([200, 10, 20, 30, 210, 40, 50, 60, 220])
    image.putdata([0, 1, 2])
    extra = {} if transparent is None else {"transparency": transparent}
    image.save(tmp_path / "x.png", **extra)
    assert _pixels(tmp_path / "x.png")[0].tolist() == [[200, 10, 20], [30, 210, 40], [50, 60, 220]]


def test_transparency_of_rgba_is_dropped(tmp_path: Path) -> None:
    pixels = np.array([[[200, 10, 20, 0], [30, 210, 40, 128], [50, 60, 220, 255]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(_pixels(tmp_path / "x.png"), pixels[..., :3])


def test_transparency_of_grey_is_dropped(tmp_path: Path) -> None:
    pixels = np.array([[[10, 0], [120, 128], [250, 255]]], dtype=np.uint8)
    Image.fromarray(pixels, "LA").save(tmp_path / "x.png")
    assert _pixels(tmp_path / "x.png")[0].tolist() == [[10] * 3, [120] * 3, [250] * 3]


@pytest.mark.parametrize(
    ("ink", "colour"), [((0, 0, 0, 0), (255, 255, 255)), ((0, 255, 255, 0), (255, 0, 0))]
)
def test_cmyk_jpeg_becomes_the_colour_it_prints(
    tmp_path: Path, ink: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    Image.new("CMYK", (16, 16), ink).save(tmp_path / "x.jpg", quality=95)
    with Image.open(tmp_path / "x.jpg") as file:
        assert file.mode == "CMYK"
    np.testing.assert_allclose(_pixels(tmp_path / "x.jpg"), np.full((16, 16, 3), colour), atol=6)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a.swapaxes(0, 1), 2)),
        (8, np.rot90),
    ],
)
def test_orientation_tag_is_applied(
    tmp_path: Path, orientation: int, upright: Callable[[np.ndarray], np.ndarray]
) -> None:
    stored = _random_rgb(4, 7)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(_pixels(tmp_path / "x.png"), upright(stored))


@pytest.mark.parametrize("crop", ["none", "center"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 400), (400, 1), (37, 23), (8, 8)])
def test_any_aspect_ratio_gives_a_square_of_bytes(
    tmp_path: Path, width: int, height: int, crop: str
) -> None:
    Image.new("RGB", (width, height), (10, 20, 30)).save(tmp_path / "x.png")
    square = load_square(tmp_path / "x.png", 16, crop)
    assert square.dtype == torch.uint8
    # The channels come first, and resizing does not change a plain colour.
    assert torch.equal(
        square, torch.tensor([10, 20, 30], dtype=torch.uint8)[:, None, None].expand(3, 16, 16)
    )


def _thirds(path: Path, upright: bool) -> None:
    """A picture three times as long as wide: its thirds are red, green and blue."""
    bands = np.repeat(np.eye(3, dtype=np.uint8) * 255, 20, axis=0)
    pixels = np.repeat(bands[None], 20, axis=0)
    Image.fromarray(pixels.swapaxes(0, 1) if upright else pixels).save(path)


@pytest.mark.parametrize("upright", [False, True])
def test_squash_keeps_the_whole_picture(tmp_path: Path, upright: bool) -> None:
    _thirds(tmp_path / "x.png", upright)
    square = load_square(tmp_path / "x.png", 30, "none")
    square = square.transpose(1, 2) if upright else square
    # The middle of each band: the filter blends at the borders of the bands.
    assert square[:, 15, [5, 15, 25]].T.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.mark.parametrize("upright", [False, True])
def test_center_crop_keeps_the_middle_alone(tmp_path: Path, upright: bool) -> None:
    _thirds(tmp_path / "x.png", upright)
    square = load_square(tmp_path / "x.png", 30, "center")
    assert square.flatten(1).unique(dim=1).flatten().tolist() == [0, 255, 0]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(width=st.integers(1, 40), height=st.integers(1, 40))
def test_center_crop_at_own_size_is_the_central_square(width: int, height: int) -> None:
    pixels, side = _random_rgb(height, width), min(width, height)
    square = np.asarray(fit_square(Image.fromarray(pixels), side, "center", BILINEAR))
    # An odd rest cannot be halved: either side may have the pixel more.
    rests = (
        {(height - side) // 2, -(-(height - side) // 2)},
        {
            (width - side) // 2,
            -(-(width - side) // 2),
        },
    )
    candidates = [pixels[y : y + side, x : x + side] for y in rests[0] for x in rests[1]]
    assert any(np.array_equal(square, candidate) for candidate in candidates)


def test_shrinking_averages_over_the_source() -> None:
    # Without antialiasing a fine checkerboard would come out as whatever pixels happen to be hit.
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    small = np.asarray(fit_square(Image.fromarray(board), 8, "none", BILINEAR)).astype(int)
    assert np.abs(small - 127.5).max() < 3


def _truncated(path: Path) -> None:
    Image.fromarray(_random_rgb(64, 64)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


BROKEN: dict[str, Callable[[Path], object]] = {
    "truncated.jpg": _truncated,
    "truncated.png": _truncated,
    "empty.png": lambda path: path.write_bytes(b""),
    "text.png": lambda path: path.write_text("not\nan\nimage\n"),
    "folder.png": lambda path: path.mkdir(),
    "missing.png": lambda path: None,
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_named_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    BROKEN[name](path)
    with pytest.raises(InputError) as caught:
        load_rgb(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_png_without_its_last_rows_is_not_padded_silently(tmp_path: Path) -> None:
    # What an interrupted copy leaves is nearly whole: missing rows must not pass as black ones.
    path = tmp_path / "x.png"
    Image.fromarray(_random_rgb(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"x\.png"):
        load_rgb(path)


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_exactly_the_unreadable_files_are_found(tmp_path: Path, threads: int) -> None:
    good, bad = [], []
    for i, (name, make) in enumerate(BROKEN.items()):
        good.append(tmp_path / f"good{i}.png")
        Image.fromarray(_random_rgb(6, 6, seed=i)).save(good[-1])
        bad.append(tmp_path / name)
        make(bad[-1])
    mixed = [path for pair in zip(good, bad, strict=True) for path in pair]
    found = examine(mixed, threads)
    assert list(found) == mixed
    problems = {path: reason for path, reason in found.items() if isinstance(reason, str)}
    assert list(problems) == bad
    assert all(str(path) in reason for path, reason in problems.items())
    assert examine([], threads) == {}
