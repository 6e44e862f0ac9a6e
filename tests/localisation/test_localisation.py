"""Pixel measures against brute force, and which images they are taken on."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from torch import Tensor

from irp_lightning.data.masks import load_mask, read_mask
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError
from irp_lightning.features.extractor import build_extractor
from irp_lightning.localisation.localisation import aupro, choose_images, localise, pixel_auroc


def overlap_curve(maps: Tensor, masks: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """By definition: every threshold, every region."""
    values, truth = maps.numpy(), masks.numpy()
    regions = []
    for i, mask in enumerate(truth):
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        regions += [(i, labels == k) for k in range(1, count + 1)]
    rates, overlaps = [0.0], [0.0]
    for threshold in sorted(set(values.flatten()), reverse=True):
        found = values >= threshold
        rates.append(found[~truth].mean())
        overlaps.append(np.mean([found[i][region].mean() for i, region in regions]))
    return np.array(rates), np.array(overlaps)


def brute_aupro(maps: Tensor, masks: Tensor, limit: float) -> float:
    rates, overlaps = overlap_curve(maps, masks)
    area = 0.0
    for (x0, x1), (y0, y1) in zip(pairwise(rates), pairwise(overlaps), strict=True):
        if x0 >= limit or x1 == x0:
            continue
        end = min(x1, limit)
        y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + y_end) / 2
    return area / limit


def brute_auroc(maps: Tensor, masks: Tensor) -> float:
    bad, good = maps[masks][:, None], maps[~masks][None]
    return ((bad > good).double() + 0.5 * (bad == good).double()).mean().item()


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Few values, so that there are many ties; masks of both kinds of pixel."""
    seed, levels = draw(st.integers(0, 2**31)), draw(st.sampled_from([2, 4, 1000]))
    share = draw(st.sampled_from([0.1, 0.4, 0.8]))
    shape = tuple(draw(st.integers(1, n)) for n in (3, 6, 6))
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randint(0, levels, shape, generator=generator).float() / levels
    masks = torch.rand(shape, generator=generator) < share
    if masks.numel() < 2:
        shape = (1, 1, 2)
        maps, masks = torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[True, False]]])
    masks.view(-1)[0], masks.view(-1)[-1] = True, False
    return maps, masks


@given(cases(), st.sampled_from([0.05, 0.3, 0.77, 1.0]))
@settings(max_examples=150, deadline=None)
def test_measures_are_those_of_the_definition(case: tuple[Tensor, Tensor], limit: float) -> None:
    assert aupro(*case, limit) == pytest.approx(brute_aupro(*case, limit), abs=1e-9)
    assert pixel_auroc(*case) == pytest.approx(brute_auroc(*case), abs=1e-9)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_only_the_order_of_values_counts(case: tuple[Tensor, Tensor]) -> None:
    maps, masks = case
    other = torch.exp(3 * maps.double()) - 7
    assert aupro(other, masks) == aupro(maps, masks)
    assert pixel_auroc(other, masks) == pixel_auroc(maps, masks)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_images_does_not_count(case: tuple[Tensor, Tensor], random) -> None:
    maps, masks = case
    order = random.sample(range(len(maps)), len(maps))
    assert aupro(maps[order], masks[order]) == pytest.approx(aupro(maps, masks), abs=1e-12)
    assert pixel_auroc(maps[order], masks[order]) == pytest.approx(pixel_auroc(maps, masks), abs=1e-12)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_perfect_and_worst_maps(case: tuple[Tensor, Tensor]) -> None:
    maps, masks = case
    assert aupro(masks + maps / 2, masks) == pytest.approx(1)
    assert pixel_auroc(masks + maps / 2, masks) == pytest.approx(1)
    assert aupro(maps / 2 - masks.float(), masks) == 0
    assert pixel_auroc(maps / 2 - masks.float(), masks) == 0


@pytest.mark.parametrize("limit", [0.3, 1.0])
def test_a_map_without_knowledge_reaches_half_the_limit(limit: float) -> None:
    masks = torch.zeros(10, 60, 60, dtype=torch.bool)
    masks[:5, 5:30, 10:40] = True
    maps = torch.rand(masks.shape, generator=torch.Generator().manual_seed(0))
    assert aupro(maps, masks, limit) == pytest.approx(limit / 2, abs=0.01)
    assert aupro(torch.ones(masks.shape), masks, limit) == pytest.approx(limit / 2)
    assert pixel_auroc(maps, masks) == pytest.approx(0.5, abs=0.01)


def test_a_small_region_counts_as_much_as_a_large_one() -> None:
    masks = torch.zeros(1, 20, 20, dtype=torch.bool)
    masks[0, 0, 0] = True
    masks[0, 10:, 10:] = True
    maps = masks.float()
    maps[0, 0, 0] = -1  # the small one is missed, below all that is normal
    assert aupro(maps, masks) == pytest.approx(0.5)
    assert pixel_auroc(maps, masks) == pytest.approx(100 / 101)


def test_pixels_that_touch_at_a_corner_are_one_region() -> None:
    masks = torch.zeros(1, 6, 6, dtype=torch.bool)
    masks[0, 1, 1] = masks[0, 2, 2] = masks[0, 5, 0] = True
    maps = torch.zeros(1, 6, 6)
    maps[0, 1, 1] = 1  # half of one of two regions; a third of three, were they three
    maps[0, 2, 2] = maps[0, 5, 0] = -1
    assert aupro(maps, masks) == pytest.approx(0.25)


@pytest.mark.parametrize("value", [False, True])
def test_one_kind_of_pixel_gives_no_measure(value: bool) -> None:
    maps, masks = torch.rand(2, 3, 3), torch.full((2, 3, 3), value)
    assert aupro(maps, masks) is None
    assert pixel_auroc(maps, masks) is None
    assert aupro(maps[:0], masks[:0]) is None


def test_refuses_what_has_no_order_or_shape() -> None:
    masks = torch.zeros(1, 2, 2, dtype=torch.bool)
    maps = torch.tensor([[[0.0, torch.nan], [1.0, 2.0]]])
    for measure in (aupro, pixel_auroc):
        with pytest.raises(ValueError, match=r"1 values .* not numbers"):
            measure(maps, masks)
        with pytest.raises(ValueError, match="not both"):
            measure(maps[:, :1], masks)
    for limit in (0.0, 1.1):
        with pytest.raises(ValueError, match=f"limit={limit}"):
            aupro(torch.zeros(1, 2, 2), masks, limit)


def sample(kind: str, number: int, mask: Path | None = None) -> Sample:
    return Sample(Path(f"{kind}/{number}.png"), f"{kind}/{number}.png", "test", kind, mask)


SAMPLES = [
    *(sample("hole", i, Path("m.png")) for i in range(6)),
    *(sample("good", i) for i in range(10)),
    *(sample("crack", i) for i in range(3)),  # without masks
]


@pytest.mark.parametrize(
    ("count", "bad", "good"), [(0, 0, 0), (1, 1, 0), (8, 4, 4), (14, 6, 8), (99, 6, 10), (None, 6, 10)]
)
def test_half_of_the_chosen_are_defective_where_there_are_enough(
    count: int | None, bad: int, good: int
) -> None:
    chosen = [SAMPLES[i] for i in choose_images(SAMPLES, count, 0)]
    assert [s.defect for s in chosen].count("hole") == bad
    assert [s.defect for s in chosen].count("good") == good
    assert len(chosen) == bad + good == len(set(chosen))


def test_normal_images_that_lack_are_made_up_for_by_defective_ones() -> None:
    chosen = choose_images([*SAMPLES[:6], SAMPLES[6]], 6, 0)
    assert len(chosen) == 6
    assert 6 in chosen


def test_the_draw_is_the_seeds() -> None:
    draws = [choose_images(SAMPLES, 6, seed) for seed in (0, 0, 1, 2, 3)]
    assert draws[0] == draws[1] == sorted(draws[0])
    assert any(draw != draws[0] for draw in draws[2:])
    with pytest.raises(ValueError, match="count=-1"):
        choose_images(SAMPLES, -1, 0)


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
    bad = sample("hole", 0, write_mask(tmp_path / "m.png", pixels))
    cropped = load_mask(bad, 4, "center")
    assert cropped.dtype == torch.bool
    assert cropped.nonzero().tolist() == [[0, 0]]  # the other lies beyond the central square
    doubled = load_mask(bad, 16, "none")
    assert doubled.nonzero()[:, 0].unique().tolist() == [0, 1, 2, 3, 12, 13, 14, 15]
    assert doubled.nonzero()[:, 1].unique().tolist() == [4, 5, 14, 15]


def test_a_normal_image_has_no_defective_pixel(tmp_path: Path) -> None:
    file = write_mask(tmp_path / "m.png", np.ones((4, 4), np.uint8))
    assert not load_mask(replace(sample("good", 0), mask=file), 4, "none").any()


def test_a_defective_image_without_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"hole/0.png is defective and has no mask"):
        load_mask(sample("hole", 0), 4, "none")
    (tmp_path / "m.png").write_bytes(b"text")
    for file in ("m.png", "missing.png"):
        with pytest.raises(InputError, match=f"{file} is missing or no readable mask"):
            load_mask(sample("hole", 0, tmp_path / file), 4, "none")


def bright_spots(folder: Path, size: int) -> list[Sample]:
    """Two defective pictures with a bright spot, each in another place, and a normal one."""
    samples = []
    for i, (row, column) in enumerate([(0.25, 0.375), (0.5, 0.75), (0, 0)]):
        pixels, mask = np.full((size, size), 60, np.uint8), np.zeros((size, size), np.uint8)
        spot = np.s_[
            int(row * size) : int((row + 0.125) * size),
            int(column * size) : int((column + 0.125) * size),
        ]
        if i < 2:
            pixels[spot], mask[spot] = 250, 255
        Image.fromarray(pixels).save(folder / f"{i}.png")
        file = write_mask(folder / f"m{i}.png", mask) if i < 2 else None
        kind = "spot" if i < 2 else "good"
        samples.append(Sample(folder / f"{i}.png", f"test/{i}.png", "test", kind, file))
    return samples


@pytest.mark.parametrize(("size", "side"), [(64, 64), (320, 160)])
def test_localise_finds_bright_spots(tmp_path: Path, size: int, side: int) -> None:
    extractor = build_extractor(
        name="random",
        weights=None,
        backbone_seed=0,
        n_scales=1,
        image_size=size,
        crop="none",
        n_views=3,
        view_seed=0,
        interpolation="bilinear",
        fill="zeros",
        autocast="none",
    )
    extractor.backbone.features = torch.nn.Sequential(torch.nn.Threshold(0.5, 0.0))
    samples = bright_spots(tmp_path, size)
    found = localise(lambda f: f.square().mean(dim=(1, 2)), extractor, samples, 3, torch.device("cpu"))
    assert found.names == ["test/0.png", "test/1.png", "test/2.png"]
    assert found.defects == ["spot", "spot", "good"]
    assert found.images.shape == (3, 3, side, side)
    assert found.maps.shape == found.masks.shape == (3, side, side)
    assert found.masks.flatten(1).sum(1).tolist() == [(side // 8) ** 2, (side // 8) ** 2, 0]
    assert found.images[0, 0][found.masks[0]].float().mean() == 250
    assert found.pixel_auroc == pixel_auroc(found.maps, found.masks)
    assert found.aupro == aupro(found.maps, found.masks)
    assert found.pixel_auroc > 0.99
    assert found.aupro > 0.9


def test_thin_defects_survive_the_pooling(tmp_path: Path) -> None:
    samples = bright_spots(tmp_path, 320)[:1]
    mask = np.zeros((320, 320), np.uint8)
    mask[101, 50] = 1
    write_mask(tmp_path / "m0.png", mask)
    extractor = build_extractor(
        name="random",
        weights=None,
        backbone_seed=0,
        n_scales=1,
        image_size=320,
        crop="none",
        n_views=1,
        view_seed=0,
        interpolation="bilinear",
        fill="zeros",
        autocast="none",
    )
    found = localise(lambda f: f.square().mean(dim=(1, 2)), extractor, samples, 1, torch.device("cpu"))
    assert found.masks[0].nonzero().tolist() == [[50, 25]]
