"""What is shown of drawn pictures: a part on a plain background, alike or at any angle, or all of it."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.features.part.find import FEWEST_IMAGES, FoundPart, find_part
from irp_lightning.features.part.frame import cut
from irp_lightning.features.part.layout import layout_of
from irp_lightning.features.part.upright import upright_frame
from irp_lightning.foundation.errors import WrongValue

SIDE = 200
Draw = Callable[[int], Image.Image]


def on(background: tuple[int, int, int], *polygons: list[tuple[float, float]]) -> Image.Image:
    picture = Image.new("RGB", (SIDE, SIDE), background)
    for polygon in polygons:
        ImageDraw.Draw(picture).polygon(polygon, fill=tuple(255 - c for c in background))
    noise = np.random.default_rng(0).integers(-6, 7, (SIDE, SIDE, 1))
    return Image.fromarray((np.asarray(picture).astype(int) + noise).clip(0, 255).astype("u1"))


def arrow(centre: tuple[float, float], angle: float) -> list[tuple[float, float]]:
    """A long part whose two ends differ."""
    shape = [(-50, -6), (20, -6), (20, -16), (50, 0), (20, 16), (20, 6), (-50, 6)]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in shape]


def alike(dark: bool) -> Draw:
    background = (230, 230, 230) if dark else (20, 20, 20)
    return lambda i: on(background, arrow((100 + i % 3, 100 - i % 2), 2 * (i % 3)))


def at_any_angle(i: int) -> Image.Image:
    return on((200, 200, 200), arrow((100, 100), 47.0 * i))


def texture(i: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(i).integers(0, 256, (SIDE, SIDE, 3)).astype("u1"))


def cut_by_the_border(i: int) -> Image.Image:
    return on((230, 230, 230), [(0, 60), (SIDE, 60), (SIDE, 150), (0, 150)])


def two_parts(i: int) -> Image.Image:
    return on((20, 20, 20), arrow((100, 60), 0), arrow((100, 140), 0))


def coloured_background(i: int) -> Image.Image:
    return on((30, 60, 180), arrow((100, 100), 0))


def found(
    tmp_path: Path, draw: Draw, wanted: str = "auto", count: int = 20, grid: int = 20
) -> FoundPart:
    paths = []
    for i in range(count):
        paths.append(tmp_path / f"{i:02}.png")
        draw(i).save(paths[-1])
    return find_part(paths, "none", BitDepth(), wanted, 320, grid)


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        (alike(dark=True), "box"),
        (alike(dark=False), "box"),
        (two_parts, "box"),
        (coloured_background, "box"),
        (at_any_angle, "upright"),
        (texture, "whole"),
        (cut_by_the_border, "whole"),
    ],
    ids=["dark", "bright", "two", "coloured", "any angle", "texture", "cut"],
)
def test_auto_decides_by_what_the_pictures_show(tmp_path: Path, draw: Draw, kind: str) -> None:
    first, second = found(tmp_path, draw), found(tmp_path, draw)
    assert first.kind == kind
    assert first.part == second.part
    assert not first.is_asked_for


def test_a_box_holds_the_parts_of_all_pictures_and_costs_as_many_pixels(tmp_path: Path) -> None:
    part = found(tmp_path, alike(dark=True)).part
    assert part is not None
    left, top, right, bottom = part.box
    for i in range(3):
        box = layout_of(alike(dark=True)(i)).box
        assert left <= box[0]
        assert top <= box[1]
        assert right >= box[2]
        assert bottom >= box[3]
    assert part.width * part.height == pytest.approx(320**2, rel=0.25)
    assert part.columns / part.rows == pytest.approx(part.width / part.height)
    assert (right - left) / (bottom - top) == pytest.approx(part.width / part.height, rel=0.2)


def test_upright_parts_point_the_same_way(tmp_path: Path) -> None:
    result = found(tmp_path, at_any_angle)
    assert result.part is not None
    assert result.template is not None
    extent, size = (
        (result.part.extent[0], result.part.extent[1]),
        (result.part.width, result.part.height),
    )
    frames = [upright_frame(at_any_angle(i), extent, result.template) for i in range(30)]
    seen = [cut(at_any_angle(i), f, size).convert("L") for i, f in enumerate(frames)]
    # The head is the wider end: it is dark on the same side in all.
    wider = [
        np.asarray(s)[:, : size[0] // 2].mean() < np.asarray(s)[:, size[0] // 2 :].mean() for s in seen
    ]
    assert len(set(wider)) == 1


def test_a_picture_without_a_part_is_shown_as_it_lies(tmp_path: Path) -> None:
    result = found(tmp_path, at_any_angle)
    assert result.part is not None
    assert result.template is not None
    blank = Image.new("RGB", (SIDE, SIDE), (200, 200, 200))
    frame = upright_frame(blank, (result.part.extent[0], result.part.extent[1]), result.template)
    assert not frame.is_found
    assert frame.b == frame.d == 0


def test_few_images_are_shown_whole_unless_a_part_is_asked_for(tmp_path: Path) -> None:
    few = FEWEST_IMAGES - 1
    assert found(tmp_path, alike(dark=True), count=few).kind == "whole"
    assert found(tmp_path, alike(dark=True), "box", count=1).kind == "box"


def test_views_are_squashed_into_the_square(tmp_path: Path) -> None:
    part = found(tmp_path, alike(dark=True), grid=1).part
    assert part is not None
    assert (part.width, part.height, part.columns, part.rows) == (320, 320, 1, 1)


@pytest.mark.parametrize("wanted", ["box", "upright"])
def test_a_part_that_is_not_there_is_refused(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(
        WrongValue, match=r"^part=.* needs a part, and 0 of 20 images show one; set it to"
    ):
        found(tmp_path, lambda i: Image.new("RGB", (SIDE, SIDE), (90, 90, 90)), wanted)
