"""What the numbers of deep images mean: one rule for a folder."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from irp_lightning.data.files.bit_depth import BITS, BitDepth, Extent, bit_depth_remarks, find_bit_depth
from irp_lightning.data.files.images import examine, load_rgb
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import WrongValue


def extents(numbers: str, *highest: float, lowest: float = 0) -> dict[str, Extent]:
    return {f"{i}.png": Extent(numbers, lowest, h, constant=False) for i, h in enumerate(highest)}


@given(highest=st.lists(st.integers(0, 65535), min_size=1, max_size=5))
def test_auto_is_the_fewest_bits_that_hold_all_images(highest: list[int]) -> None:
    bits = find_bit_depth("auto", extents("integers", *highest)).integers
    assert bits in BITS
    assert max(highest) < 2**bits
    assert bits == 8 or max(highest) >= 2 ** BITS[BITS.index(bits) - 1]


@given(highest=st.integers(0, 65535), bits=st.sampled_from(BITS))
def test_a_setting_holds_for_what_fits_and_refuses_the_rest(highest: int, bits: int) -> None:
    images = extents("integers", 0, highest)
    if highest < 2**bits:
        assert find_bit_depth(bits, images).integers == bits
    else:
        with pytest.raises(WrongValue, match=rf"^bit_depth={bits} .* 1\.png holds"):
            find_bit_depth(bits, images)


@pytest.mark.parametrize(
    ("highest", "bits"), [(1.0, 0), (0.2, 0), (1.005, 0), (2.0, 8), (255.0, 8), (4095.0, 12)]
)
def test_floats_lie_in_the_unit_interval_unless_one_is_above(highest: float, bits: int) -> None:
    assert find_bit_depth("auto", extents("floats", 0.5, highest)).floats == bits


@pytest.mark.parametrize("setting", ["auto", "unit"])
def test_values_below_zero_are_refused(setting: str) -> None:
    with pytest.raises(WrongValue, match=r"takes no values below 0, and 0\.png holds -1"):
        find_bit_depth(setting, extents("floats", 0.9, lowest=-1.0))


def test_integers_just_below_zero_are_refused() -> None:
    with pytest.raises(WrongValue, match=r"takes no values below 0, and 0\.png holds -1"):
        find_bit_depth("auto", extents("integers", 40000, lowest=-1))


def test_too_large_numbers_are_refused_with_the_remedy() -> None:
    with pytest.raises(WrongValue, match=r"numbers in \[0, 1\], and 0.png holds 255; set the bits"):
        find_bit_depth("unit", extents("floats", 255.0))
    with pytest.raises(WrongValue, match="scale the values down"):
        find_bit_depth("auto", extents("integers", 70000))


@given(bits=st.sampled_from(BITS), value=st.integers(0, 65535))
def test_the_upper_eight_of_the_bits_are_kept(bits: int, value: int) -> None:
    from irp_lightning.data.files.images import _eight_bits

    value %= 2**bits
    numbers = np.array([[0, value, 2**bits - 1]], np.uint16)
    assert _eight_bits(numbers, BitDepth(integers=bits)).tolist() == [[0, value >> (bits - 8), 255]]


def test_an_image_is_read_by_its_folders_depth_and_not_by_its_own(tmp_path: Path) -> None:
    for name, value in (("dark", 100), ("bright", 4000)):
        Image.fromarray(np.full((4, 4), value, np.uint16)).save(tmp_path / f"{name}.png")
    seen = {path.name: found for path, found in examine([*tmp_path.iterdir()], 1).items()}
    assert all(isinstance(found, Extent) and found.constant for found in seen.values())
    bit_depth = find_bit_depth("auto", seen)  # type: ignore[arg-type]
    greys = [load_rgb(tmp_path / f"{n}.png", bit_depth).getpixel((0, 0)) for n in ("dark", "bright")]
    assert greys == [(6, 6, 6), (250, 250, 250)]


def sixteen_bit_colour(file: Path, colour: tuple[int, int, int]) -> None:
    """A PNG of one pixel with 16 bits a channel, which Pillow does not write."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">HHH", *colour))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_16_bits_a_channel_in_colour_are_not_cut_down_unseen(tmp_path: Path) -> None:
    sixteen_bit_colour(tmp_path / "x.png", (4095, 2048, 16))
    (found,) = examine([tmp_path / "x.png"], 1).values()
    assert found == Extent("integers", 16, 4095, constant=True)
    assert load_rgb(tmp_path / "x.png", BitDepth(integers=12)).getpixel((0, 0)) == (255, 128, 1)


def sample(name: str, defect: str) -> Sample:
    return Sample(Path(name), name, "train" if defect == "good" else "test", defect)


@pytest.mark.parametrize(("deep", "falsifies"), [("a", True), ("b", True), ("ab", False)])
def test_mixed_bit_depths_are_said_and_whether_they_tell_the_label(deep: str, falsifies: bool) -> None:
    samples = [sample(f"a{i}", "good") for i in range(4)] + [sample(f"b{i}", "hole") for i in range(4)]
    of = {f"{kind}{i}": Extent("integers", 0, 4000, constant=False) for kind in deep for i in (0, 1)}
    if len(deep) == 1:  # all of one label
        of |= {f"{deep}{i}": of[f"{deep}0"] for i in range(4)}
    remarks = {r.kind: r for r in bit_depth_remarks(samples, of, BitDepth(integers=12))}
    assert remarks["bit_depth"].count == 4
    assert "up to 4000 and are read as 12 bits" in remarks["bit_depth"].text
    assert (remarks["mixed_bit_depths"].count, remarks["mixed_bit_depths"].falsifies) == (4, falsifies)


def test_one_depth_is_no_remark_of_several() -> None:
    samples = [sample("a", "good"), sample("b", "hole")]
    assert bit_depth_remarks(samples, {}, BitDepth()) == []
