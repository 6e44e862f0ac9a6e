"""Masks: any file that holds one, fitted as its image is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from irp_lightning.data.files.masks import load_mask, read_mask
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError


def sample(kind: str, mask: Path | None = None, path: Path = Path("photo.png")) -> Sample:
    return Sample(path, f"{kind}/0.png", "test", kind, mask)


def write_mask(file: Path, pixels: np.ndarray, mode: str = "L") -> Path:
    image = Image.fromarray(pixels)
    if mode == "P":  # a palette whose first colour is black, as annotation tools write it
        image = Image.fromarray(pixels, "P")
        image.putpalette([0, 0, 0, 200, 0, 0])
    elif mode == "RGBA":
        image = Image.merge("RGBA", [*[image] * 3, Image.new("L", image.size, 255)])
    elif mode != "L":
        image = image.convert(mode)
    image.save(file)
    return file


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P", "I;16"])
def test_any_pixel_that_is_not_zero_is_a_defect(tmp_path: Path, mode: str) -> None:
    pixels = np.zeros((4, 8), np.uint8)
    pixels[1, 2:4] = 255 if mode == "1" else 1
    if mode == "I;16":
        pixels = pixels.astype(np.uint16) * 300
    file = write_mask(tmp_path / "m.png", pixels, "L" if mode == "I;16" else mode)
    assert np.array_equal(read_mask(file), pixels > 0)


def test_a_mask_is_fitted_as_its_image_is(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8), np.uint8)
    pixels[0, 2] = pixels[3, 7] = 9
    Image.new("RGB", (16, 8)).save(tmp_path / "photo.png")
    bad = sample("hole", write_mask(tmp_path / "m.png", pixels), tmp_path / "photo.png")
    cropped = load_mask(bad, 4, "center")
    assert cropped.dtype == torch.bool
    assert cropped.nonzero().tolist() == [[0, 0]]  # the other lies beyond the central square
    doubled = load_mask(bad, 16, "none")
    assert doubled.nonzero()[:, 0].unique().tolist() == [0, 1, 2, 3, 12, 13, 14, 15]
    assert doubled.nonzero()[:, 1].unique().tolist() == [4, 5, 14, 15]


def test_a_normal_image_has_no_defective_pixel(tmp_path: Path) -> None:
    file = write_mask(tmp_path / "m.png", np.ones((4, 4), np.uint8))
    assert not load_mask(sample("good", file), 4, "none").any()


def test_a_defective_image_without_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"hole/0.png is defective and has no mask"):
        load_mask(sample("hole"), 4, "none")
    (tmp_path / "m.png").write_bytes(b"text")
    for file in ("m.png", "missing.png"):
        with pytest.raises(InputError, match=f"{file} is missing or not a readable mask"):
            load_mask(sample("hole", tmp_path / file), 4, "none")
