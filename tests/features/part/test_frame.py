"""From a picture to what is shown of it, and the way back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from irp_lightning.features.part.frame import WHOLE, boxed, carried_back, cut, turned

GRADIENT = Image.fromarray(
    np.stack(np.broadcast_arrays(np.arange(160)[None, :], np.arange(120)[:, None], 0), -1).astype("u1")
)
"""160 × 120 pixels: red is the column, green the row."""


def test_the_whole_picture_is_what_a_plain_resize_gives() -> None:
    seen = cut(GRADIENT, WHOLE, (32, 32))
    assert seen.tobytes() == GRADIENT.resize((32, 32), Image.Resampling.BILINEAR).tobytes()


def test_a_box_shows_its_pixels() -> None:
    seen = np.asarray(cut(GRADIENT, boxed((0.25, 0.5, 0.75, 1.0)), (80, 60)))
    assert seen[0, 0, :2].tolist() == [40, 60]
    assert seen[-1, -1, :2].tolist() == [119, 119]


@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, 270.0])
def test_a_turned_rectangle_shows_the_pixels_along_its_axes(angle: float) -> None:
    mean_side = (160 * 120) ** 0.5
    frame = turned((0.5, 0.5), angle, (40 / mean_side, 20 / mean_side), GRADIENT.size)
    seen = np.asarray(cut(GRADIENT, frame, (40, 20))).astype(int)
    first, last = seen[10, 0, :2], seen[10, -1, :2]
    ahead = {0: (39, 0), 90: (0, 39), 180: (-39, 0), 270: (0, -39)}[int(angle)]
    assert (last - first).tolist() == pytest.approx(list(ahead), abs=1)


def test_beyond_the_edge_the_edge_repeats() -> None:
    frame = turned((0.0, 0.5), 45.0, (0.5, 0.2), GRADIENT.size)
    seen = np.asarray(cut(GRADIENT, frame, (64, 32)))
    assert (
        seen[..., 0].min() <= 1
    )  # no black corner: blue is 0 anyway, and green is a row near the middle
    assert seen[..., 1].min() > 20


@given(
    st.floats(0.3, 0.7), st.floats(0.3, 0.7), st.floats(0, 360), st.floats(0.2, 0.5), st.floats(0.2, 0.5)
)
def test_a_map_is_carried_back_to_where_it_came_from(
    x: float, y: float, angle: float, width: float, height: float
) -> None:
    frame = turned((x, y), angle, (width, height), (160, 120))
    heat = torch.zeros(1, 9, 9)
    heat[0, 4, 4] = 1  # the middle of what is shown
    back = carried_back(heat, frame, (120, 160))[0]
    row, column = divmod(int(back.argmax()), 160)
    assert (column + 0.5) / 160 == pytest.approx(x, abs=0.05)
    assert (row + 0.5) / 120 == pytest.approx(y, abs=0.05)


def test_beside_what_was_shown_a_map_is_zero() -> None:
    back = carried_back(torch.ones(1, 4, 4), boxed((0.5, 0.0, 1.0, 0.5)), (8, 8))[0]
    expected = torch.zeros(8, 8)
    expected[:4, 4:] = 1
    assert torch.equal(back, expected)


def test_a_map_of_the_whole_picture_stays_as_it_is() -> None:
    heat = torch.rand(2, 5, 5)
    assert carried_back(heat, WHOLE, (5, 5)) is heat
