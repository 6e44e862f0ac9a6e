"""Heat-map pictures: where the colour lies, and what is chosen."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from irp_lightning.data.files.images import load_rgb
from irp_lightning.localisation.heat_maps import _choice, heat_map_picture, heat_maps, overlay
from irp_lightning.localisation.localisation import Localisation


def test_cold_is_the_picture_and_hot_is_colour() -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    out = overlay(picture, np.array([[0, 1], [0, 0.5]]))
    assert (out[:, 0] == 100).all()
    assert out[0, 1, 0] > out[0, 1, 2] + 50  # hot is yellow
    assert abs(out[1, 1].astype(int) - 100).max() > 20


@pytest.mark.parametrize(("crop", "left"), [("none", (0, 100)), ("center", (50, 100))])
def test_the_heat_lies_where_the_square_was_cut_from(
    tmp_path: Path, crop: str, left: tuple[int, int]
) -> None:
    """A wide picture; the left half of the square is hot."""
    Image.new("RGB", (200, 100), (0, 0, 255)).save(tmp_path / "a.png")
    heat = torch.zeros(32, 32)
    heat[:, :16] = 7
    pixels = np.asarray(heat_map_picture(load_rgb(tmp_path / "a.png"), heat, crop))
    assert pixels.shape == (100, 200, 3)
    hot = np.flatnonzero(pixels[50, :, 0] > 100)
    assert abs(hot.min() - left[0]) <= 5
    assert abs(hot.max() + 1 - left[1]) <= 5


def test_large_pictures_are_made_smaller_and_flat_maps_stay_cold(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 1500), (0, 0, 255)).save(tmp_path / "a.png")
    picture = heat_map_picture(load_rgb(tmp_path / "a.png"), torch.full((8, 8), 3.0), "none")
    assert picture.size == (1024, 512)
    assert picture.getextrema() == ((0, 0), (0, 0), (255, 255))


def localisation(defects: list[str]) -> Localisation:
    count = len(defects)
    masks = torch.zeros(count, 16, 16, dtype=torch.bool)
    masks[[d != "good" for d in defects], :4, 4:8] = True
    return Localisation(
        names=[f"{i}.png" for i in range(count)],
        defects=defects,
        images=torch.zeros(count, 3, 16, 16, dtype=torch.uint8),
        maps=torch.rand(count, 16, 16),
        masks=masks,
        pixel_auroc=0.5,
        aupro=None,
    )


@pytest.mark.parametrize(
    ("defects", "shown"),
    [
        ([], []),
        (["good"] * 20, [*range(12)]),
        (["good", "hole", "crack"], [2, 1, 0]),
        # Nine defective ones, both kinds; and three normal ones.
        (["good"] * 9 + ["a"] * 20 + ["b"] * 20, [*range(9, 14), *range(29, 33), 0, 1, 2]),
        (["a"] * 30, [*range(12)]),
    ],
)
def test_defective_images_come_first_their_kinds_in_turn(defects: list[str], shown: list[int]) -> None:
    assert _choice(defects) == shown


def test_the_figure_names_kinds_and_scores_as_they_are(tmp_path: Path) -> None:
    found = localisation(["good", "10$_hole$", "crack"])
    figure = heat_maps(found, torch.tensor([0.25, 1234.5, 3.0]))
    figure.savefig(tmp_path / "f.png")
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["10$_hole$, 1.23e+03", "crack, 3", "good, 0.25"]
    outlined = [axis for axis in figure.axes if axis.collections]
    assert len(outlined) == 4  # both defective ones, above and below
    # Around the mask's edges, half a pixel from its outer pixels' centres, closed at the upper edge.
    corners = outlined[0].collections[0].get_paths()[0].get_extents().get_points()
    assert corners.tolist() == [[3.5, -0.5], [7.5, 3.5]]
    title = figure.get_suptitle()
    assert "3 images" in title
    assert "pixel AUROC 0.500" in title
    assert "AUPRO" not in title


def test_the_figure_of_nothing_can_be_saved(tmp_path: Path) -> None:
    heat_maps(localisation([]), torch.zeros(0)).savefig(tmp_path / "f.png")
