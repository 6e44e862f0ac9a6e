"""Masks beside their images: which file, which way up, of what proportions, and what they hold."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from irp_lightning.data.audit.mask_checks import check_masks
from irp_lightning.data.config import MAX_PIXELS
from irp_lightning.data.files.images import fit_square, load_rgb
from irp_lightning.data.files.masks import fit_mask, read_mask, upright_mask
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError


def photo(file: Path, size: tuple[int, int], orientation: int = 1) -> Path:
    """Black, with a white corner at the top left as stored."""
    image = Image.new("RGB", size)
    image.paste((255, 255, 255), (0, 0, size[0] // 4, size[1] // 4))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(file, exif=exif)
    return file


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), size=st.integers(1, 40), seed=st.integers(0, 99)
)
def test_a_pixel_is_defective_if_any_of_its_source_is(
    height: int, width: int, size: int, seed: int
) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.1
    small = fit_mask(mask, size, "none")
    # Old and new pixels cut from one grid of size x length parts.
    parts = mask.repeat(size, 0).repeat(size, 1).reshape(size, height, size, width)
    assert np.array_equal(small, parts.any(axis=(1, 3)))
    # Whatever is done to a mask and its image alike: nothing is moved to one side.
    assert np.array_equal(fit_mask(mask[::-1, ::-1], size, "none"), small[::-1, ::-1])


def test_a_hairline_lies_where_its_image_has_it() -> None:
    line = np.zeros((90, 90), np.uint8)
    line[:, 60] = 255
    shown = np.asarray(fit_square(Image.fromarray(line), 64, "none", Image.Resampling.BILINEAR)).any(
        axis=0
    )
    assert shown.nonzero()[0].tolist() == [42, 43]
    assert fit_mask(line > 0, 64, "none").any(axis=0).nonzero()[0].tolist() == [42, 43]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_turned_as_its_image_is(tmp_path: Path, orientation: int) -> None:
    image = photo(tmp_path / "x.png", (40, 24), orientation)
    tagged = photo(tmp_path / "tagged.png", (40, 24), orientation)
    shown = np.asarray(load_rgb(image))[..., 0] > 0
    assert np.array_equal(upright_mask(image, tagged), shown)
    plain = photo(tmp_path / "plain.png", (40, 24))
    if orientation in (2, 3, 4):
        # Width and height are those of both: it may be drawn on the file or on what is shown.
        with pytest.raises(InputError, match=r"x\.png has a camera's orientation tag and its mask"):
            upright_mask(image, plain)
    else:
        assert np.array_equal(upright_mask(image, plain), shown)


def test_a_mask_drawn_on_the_upright_image_is_left_as_it_is(tmp_path: Path) -> None:
    image = photo(tmp_path / "x.png", (40, 24), 6)
    drawn = np.zeros((40, 24), np.uint8)
    drawn[3, 20] = 255
    Image.fromarray(drawn).save(tmp_path / "m.png")
    assert np.array_equal(upright_mask(image, tmp_path / "m.png"), drawn > 0)


@pytest.mark.parametrize(
    ("size", "fits"),
    [((80, 48), True), ((20, 12), True), ((41, 24), True), ((24, 40), False), ((40, 40), False)],
)
def test_another_aspect_ratio_is_refused(tmp_path: Path, size: tuple[int, int], fits: bool) -> None:
    image, mask = photo(tmp_path / "x.png", (40, 24)), photo(tmp_path / "m.png", size)
    if fits:
        assert upright_mask(image, mask).shape == size[::-1]
    else:
        with pytest.raises(InputError, match=rf"m\.png is {size[0]} x {size[1]} pixels and its image"):
            upright_mask(image, mask)


def grey(file: Path, draw: Callable[[np.ndarray], None]) -> Path:
    pixels = np.zeros((32, 32), np.uint8)
    draw(pixels)
    Image.fromarray(pixels).save(file)
    return file


def test_specks_of_a_jpeg_are_no_defect(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64), np.uint8)
    pixels[20:40, 20:40] = 255
    Image.fromarray(pixels).save(tmp_path / "m.jpg", quality=60)
    with Image.open(tmp_path / "m.jpg") as file:
        assert (np.asarray(file) > 0).sum() > 400  # specks there are
    found = read_mask(tmp_path / "m.jpg")
    assert (found ^ (pixels > 0)).sum() <= 8


@pytest.mark.parametrize(
    "values",
    [(1,), (1, 2, 3), (1, 40), (3, 100), (255,), (100, 200), (128, 255), (1, 200), (9, 40, 220)],
)
def test_numbers_of_classes_are_all_defects(tmp_path: Path, values: tuple[int, ...]) -> None:
    def draw(pixels: np.ndarray) -> None:
        for i, value in enumerate(values):
            pixels[4 * i, :5] = value

    assert read_mask(grey(tmp_path / "m.png", draw)).sum() == 5 * len(values)


def test_shades_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    grey(tmp_path / "m.png", lambda pixels: pixels.__setitem__(0, np.arange(32) + 20))
    with pytest.raises(InputError, match="32 shades up to 51, which are neither black and white nor"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("values", [(1, 255), (1, 2, 20, 255), (31, 224)])
def test_numbers_of_classes_beside_white_are_refused(tmp_path: Path, values: tuple[int, ...]) -> None:
    grey(tmp_path / "m.png", lambda pixels: pixels.__setitem__((0, slice(len(values))), values))
    told = ", ".join(map(str, values))
    with pytest.raises(
        InputError, match=rf"m\.png holds {told}: some may be .*; save it with 0 and 255"
    ):
        read_mask(tmp_path / "m.png")


def test_smoothed_edges_are_halved(tmp_path: Path) -> None:
    row = [0, 16, 80, 160, 240, 255]
    grey(tmp_path / "m.png", lambda pixels: pixels.__setitem__((0, slice(6)), row))
    assert read_mask(tmp_path / "m.png").sum() == 3


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([0.1, 0.2, 0.4], "numbers up to 0.4, and defects start at 0.5"),
        ([0.1, 0.7, np.nan], "values below zero, or values that are not numbers"),
        ([-1, 0, 1], "values below zero"),
        ([0.1, 0.2, 0.7], 1),
        ([0.4, 0.4, 0.4], 3),
    ],
)
def test_floating_point_masks(tmp_path: Path, row: list[float], told: str | int) -> None:
    pixels = np.zeros((8, 8), np.float32)
    pixels[0, :3] = row
    Image.fromarray(pixels).save(tmp_path / "m.tif")
    if isinstance(told, int):
        assert read_mask(tmp_path / "m.tif").sum() == told
    else:
        with pytest.raises(InputError, match=rf"m\.tif holds {told}.*; save it with 0 and 255"):
            read_mask(tmp_path / "m.tif")


def test_a_mask_of_printing_inks_is_read_as_it_looks(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    image.paste((255, 255, 255), (2, 2, 4, 5))
    image.convert("CMYK").save(tmp_path / "m.tif")
    assert read_mask(tmp_path / "m.tif").sum() == 6


def test_a_mask_of_several_pages_is_refused(tmp_path: Path) -> None:
    pages = [Image.new("L", (8, 8), value) for value in (0, 255)]
    pages[0].save(tmp_path / "m.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"m.tif holds 2 pages, and a mask has one"):
        read_mask(tmp_path / "m.tif")


def test_a_mask_that_is_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    image = photo(tmp_path / "a.png", (32, 32))
    mask = grey(tmp_path / "a_mask.png", lambda pixels: None)
    with pytest.raises(
        InputError, match=r"a_mask.png has 32 x 32 pixels, more than data.max_pixels=1000"
    ):
        check_masks([Sample(image, "a", "test", "hole", mask)], "none", 1000)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 0, 0)])
def test_what_is_painted_in_alpha_alone_is_the_mask(tmp_path: Path, colour: tuple[int, ...]) -> None:
    layer = Image.new("RGBA", (8, 8), (*colour, 0))
    layer.paste((*colour, 255), (2, 2, 4, 5))
    layer.save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png").nonzero()[0].tolist() == [2, 2, 3, 3, 4, 4]


def test_an_opaque_layer_is_no_defect(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 255))
    image.save(tmp_path / "black.png")
    image.putpixel((3, 3), (255, 255, 255, 255))
    image.save(tmp_path / "one.png")
    assert [read_mask(tmp_path / f"{name}.png").sum() for name in ("black", "one")] == [0, 1]


def test_parts_of_a_mask_are_put_together(tmp_path: Path) -> None:
    (tmp_path / "000").mkdir()
    for i in (0, 1):
        grey(tmp_path / f"000/{i}.png", lambda pixels, i=i: pixels.__setitem__((9, i), 255))
    assert read_mask(tmp_path / "000").nonzero()[1].tolist() == [0, 1]
    Image.new("L", (5, 5)).save(tmp_path / "000/2.png")
    with pytest.raises(InputError, match="parts of several sizes"):
        read_mask(tmp_path / "000")


def test_what_masks_hold_is_said(tmp_path: Path) -> None:
    def sample(name: str, draw: Callable[[np.ndarray], None]) -> Sample:
        image = photo(tmp_path / f"{name}.png", (32, 32))
        return Sample(image, name, "test", "hole", grey(tmp_path / f"{name}_mask.png", draw))

    def all_but_a_corner(pixels: np.ndarray) -> None:
        pixels[:] = 255
        pixels[0, 0] = 0

    whole = [sample(f"w{i}", all_but_a_corner) for i in range(3)]
    empty = sample("e", lambda pixels: None)
    found = check_masks([*whole, empty], "none", MAX_PIXELS)
    assert [s.mask is None for s in found.samples] == [False, False, False, True]
    remarks = {r.kind: r for r in found.remarks}
    assert remarks["empty_masks"].count == 1
    assert remarks["inverted_masks"].falsifies
    assert "masks of hole mark 100% of their pictures (median)" in remarks["inverted_masks"].text


def test_one_kind_of_several_that_is_black_on_white_is_said(tmp_path: Path) -> None:
    def sample(kind: str, number: int, share: float) -> Sample:
        name = f"{kind}{number}"
        rows = round(32 * share)
        mask = grey(tmp_path / f"{name}_mask.png", lambda pixels: pixels.__setitem__(slice(rows), 255))
        return Sample(photo(tmp_path / f"{name}.png", (32, 32)), name, "test", kind, mask)

    sound = [sample(kind, i, 0.1) for kind in ("cut", "hole") for i in range(4)]
    assert check_masks(sound, "none", MAX_PIXELS).remarks == []
    inverted = [sample("bent", i, share) for i, share in enumerate((0.25, 0.75, 1.0))]
    (remark,) = check_masks([*sound, *inverted], "none", MAX_PIXELS).remarks
    assert (remark.kind, remark.count, remark.falsifies) == ("inverted_masks", 3, True)
    assert remark.text.startswith("masks of bent mark 75% of their pictures (median)")
    turned = [replace(one, defect="turned") for one in inverted[1:]]
    (remark,) = check_masks([*sound, *inverted, *turned], "none", MAX_PIXELS).remarks
    assert remark.text.startswith("masks of bent, turned mark 75% of their pictures or more")
