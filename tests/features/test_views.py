import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.features.views import rotate, view_angles


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 5))
def test_more_views_begin_with_the_fewer(count: int, more: int, seed: int) -> None:
    angles = view_angles(count + more, seed)
    assert torch.equal(angles[:count], view_angles(count, seed))
    assert ((angles >= 0) & (angles < 360)).all()


def test_another_seed_gives_other_angles() -> None:
    assert not torch.equal(view_angles(4, 0), view_angles(4, 1))


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_quarter_turns_are_exact_and_counter_clockwise(quarter: int, interpolation: str) -> None:
    images = torch.rand(2, 3, 8, 8)
    turned = rotate(images, torch.full((2, 1), 90.0 * quarter), interpolation, "zeros")[:, 0]
    expected = torch.rot90(images, quarter, dims=(2, 3))
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)


def test_each_image_has_its_own_angles() -> None:
    images = torch.rand(2, 3, 8, 8)
    turned = rotate(images, torch.tensor([[0.0, 180.0], [180.0, 0.0]]), "bilinear", "zeros")
    upside_down = images.flip(2, 3)
    torch.testing.assert_close(turned[0], torch.stack([images[0], upside_down[0]]), atol=1e-4, rtol=0)
    torch.testing.assert_close(turned[1], torch.stack([upside_down[1], images[1]]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("fill", ["zeros", "border", "reflection"])
def test_only_zeros_bring_black_corners(fill: str) -> None:
    turned = rotate(torch.ones(1, 1, 32, 32), torch.tensor([[45.0]]), "bilinear", fill)[0]
    assert (turned[0, 0, 0, 0] == 0) == (fill == "zeros")
    assert turned[0, 0, 16, 16] == pytest.approx(1)
