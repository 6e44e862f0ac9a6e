"""Pixel measures against brute force."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from irp_lightning.localisation.measures import aupro, pixel_auroc


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
