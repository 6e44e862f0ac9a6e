"""Gradient maps: right gradients, rotated back, fair to the corners, and without side effects."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.features.backbone import Backbone, architecture
from irp_lightning.features.config import BackboneConfig, ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.views import rotate
from irp_lightning.localisation.gradient_maps import gradient_map, merge_views, smooth, view_gradients
from irp_lightning.localisation.measures import pixel_auroc

SIZE = 64


def extractor(n_views: int = 3, autocast: str = "none") -> FeatureExtractor:
    backbone = BackboneConfig(name="random", weights=None, n_scales=3, seed=0)
    views = ViewsConfig(
        count=n_views,
        seed=0,
        n_transforms=1,
        n_transforms_test=1,
        interpolation="bilinear",
        fill="zeros",
    )
    return build_extractor(backbone, views, image_size=SIZE, crop="none", autocast=autocast)


def toy(features: nn.Module, angles: tuple[float, ...]) -> FeatureExtractor:
    """An extractor with any network in the place of the backbone's."""
    return FeatureExtractor(Backbone(features, 1), replace(extractor().spec, angles=angles))


class Bright(nn.Module):
    """Sees what is brighter than a mid grey, the more the brighter, and nothing else."""

    def forward(self, images: Tensor) -> Tensor:
        return (images - 0.5).relu() ** 2


def picture() -> Tensor:
    return torch.randint(0, 256, (3, SIZE, SIZE), generator=torch.Generator().manual_seed(1)).byte()


def mean_square(features: Tensor) -> Tensor:
    return features.square().mean(dim=(1, 2))


@pytest.mark.parametrize("angles", [(0.0,), (90.0,), (37.0,), (349.0, 254.0, 165.0, 64.0, 126.0)])
@pytest.mark.parametrize(("row", "column"), [(32, 14), (22, 44), (45, 40)])
def test_the_map_is_highest_where_the_blob_is(angles: tuple[float, ...], row: int, column: int) -> None:
    image = torch.full((3, SIZE, SIZE), 40, dtype=torch.uint8)
    image[:, row - 1 : row + 2, column - 1 : column + 2] = 250
    heat = gradient_map(mean_square, toy(Bright(), angles), image, len(angles), sigma=1.5)
    found = divmod(int(heat.argmax()), SIZE)
    assert math.dist(found, (row, column)) <= 1.5
    # ... and nowhere else.
    far = (torch.arange(SIZE)[:, None] - row).abs().maximum((torch.arange(SIZE) - column).abs()) > 10
    assert heat[far].max() < 0.01 * heat.max()


def test_a_painted_defect_is_found_through_a_backbone(images_of_noise: Tensor) -> None:
    """By any differentiable detector: here the distance from the normal images' mean features."""
    seen = extractor(4)
    features = torch.cat([seen(image[None], seen.angles[None]) for image in images_of_noise])
    mean, spread = features.mean(dim=(0, 1)), features.std(dim=(0, 1)) + 1e-3
    image = images_of_noise[0].clone()
    image[:, 38:44, 18:24] = torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None]
    mask = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    mask[:, 38:44, 18:24] = True
    heat = gradient_map(lambda f: mean_square((f - mean) / spread), seen, image, 4, sigma=2)
    assert math.dist(divmod(int(heat.argmax()), SIZE), (40.5, 20.5)) < 5
    area = pixel_auroc(heat[None], mask)
    assert area is not None
    assert area > 0.98


@pytest.fixture
def images_of_noise() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (128 + 6 * torch.randn(16, 3, SIZE, SIZE, generator=generator)).clamp(0, 255).byte()


@pytest.mark.parametrize("name", ["random", "squeezenet1_1", "resnet18"])
def test_gradients_are_those_of_plain_autograd(name: str) -> None:
    """In-place layers included; random weights will do."""
    torch.manual_seed(0)
    seen = toy(architecture(name, 0), (10.0, 200.0))
    flow = DifferNet(seen.dim, n_blocks=2, hidden=16).eval()
    image = picture()
    views = seen.views(image[None], seen.angles[None]).requires_grad_()
    flow.score(seen.describe(views)[None]).backward()
    assert views.grad is not None
    assert views.grad.abs().max() > 0
    found = view_gradients(flow.score, seen, image, seen.angles)
    torch.testing.assert_close(found, views.grad, rtol=1e-3, atol=1e-5 * views.grad.abs().max().item())


def test_features_are_what_they_were_before_the_views_could_be_differentiated() -> None:
    seen, images = extractor(3), torch.stack([picture(), picture().flip(1)])
    angles = seen.angles.expand(2, -1)
    rotated = rotate(images.float(), angles, "bilinear", "zeros").flatten(0, 1)
    rotated = rotated.contiguous(memory_format=torch.channels_last)
    rotated.div_(255 * seen.std).sub_(seen.mean / seen.std)
    assert torch.equal(seen(images, angles), seen.backbone(rotated).view(2, 3, -1))
    assert not seen(images, angles).requires_grad


def test_the_score_is_of_all_views_together() -> None:
    """Views that only count beside others: the product of two views' features."""
    seen = extractor(2)
    image = picture()

    def product(features: Tensor) -> Tensor:
        return (features[:, 0] * features[:, 1]).mean(dim=1)

    g = view_gradients(product, seen, image, seen.angles)
    features = seen(image[None], seen.angles[None])[0]
    alone = view_gradients(lambda f: (f[:, 0] * features[1]).mean(dim=1), seen, image, seen.angles)
    assert (alone[1] == 0).all()
    assert (g[1] != 0).any()
    torch.testing.assert_close(g[0], alone[0])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_works_where_gradients_are_switched_off(mode: Callable[[], torch.no_grad]) -> None:
    seen, image = extractor(), picture()
    expected = gradient_map(mean_square, seen, image, 3)
    with mode():
        found = gradient_map(mean_square, seen, image, 3)
    assert torch.equal(found, expected)


def test_nothing_accumulates_in_parameters() -> None:
    seen = extractor()
    flow = DifferNet(seen.dim, n_blocks=2, hidden=16).eval()
    heat = gradient_map(flow.score, seen, picture(), 3)
    assert heat.shape == (SIZE, SIZE)
    assert heat.dtype == torch.float32
    assert (heat >= 0).all()
    assert not heat.requires_grad
    assert all(p.grad is None for p in [*flow.parameters(), *seen.parameters()])


def test_autocast_does_not_reach_the_gradients() -> None:
    heats = [gradient_map(mean_square, extractor(autocast=a), picture(), 3) for a in ("none", "bf16")]
    assert torch.equal(*heats)


@pytest.mark.parametrize("sigma", [0.0, 2.0, 100.0])
def test_what_is_equal_in_all_views_is_equal_in_the_map(sigma: float) -> None:
    """Corners that some views have lost are no colder than the centre."""
    angles = torch.tensor([0.0, 45.0, 200.0])
    heat = merge_views(torch.full((3, 3, SIZE, SIZE), -2.0), angles, sigma)
    torch.testing.assert_close(heat, torch.full((SIZE, SIZE), 6.0), rtol=1e-3, atol=0)


def test_pixels_that_no_view_saw_are_zero() -> None:
    heat = merge_views(torch.ones(1, 3, SIZE, SIZE), torch.tensor([45.0]), 0.0)
    assert heat[0, 0] == 0
    assert heat[SIZE // 2, SIZE // 2] == pytest.approx(3)


def test_smoothing_is_a_gaussian_of_that_sigma() -> None:
    image = torch.zeros(1, 1, 81, 81)
    image[0, 0, 40, 40] = 1
    out = smooth(image, 4.0)[0, 0]
    offsets = torch.arange(81) - 40.0
    assert out.sum() == pytest.approx(1, abs=1e-5)
    assert ((out.sum(0) * offsets**2).sum()) ** 0.5 == pytest.approx(4, rel=0.02)
    assert ((out.sum(1) * offsets**2).sum()) ** 0.5 == pytest.approx(4, rel=0.02)
    assert torch.equal(smooth(image, 0.0), image)


@pytest.mark.parametrize("sigma", [0.3, 2.0, 4.5, 100.0])
@pytest.mark.parametrize("shape", [(12, 12), (9, 40), (1, 7)])
def test_smoothing_is_by_definition_mirrored_at_the_edges(sigma: float, shape: tuple[int, int]) -> None:
    """Also where three standard deviations reach past the image: they are cut there."""
    image = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0)).double()
    expected = image
    for axis, side in zip((2, 3), shape, strict=True):
        radius = min(math.ceil(3 * sigma), side - 1)
        weights = torch.exp(-(torch.arange(-radius, radius + 1).double() ** 2) / (2 * sigma**2))
        mirrored = torch.arange(-radius, side + radius).abs()
        mirrored = torch.where(mirrored < side, mirrored, 2 * (side - 1) - mirrored)
        lines = expected.index_select(axis, mirrored).unfold(axis, 2 * radius + 1, 1)
        expected = lines @ (weights / weights.sum())
    torch.testing.assert_close(smooth(image, sigma), expected)


def test_default_sigma_grows_with_the_image() -> None:
    image, seen = picture(), extractor()
    assert torch.equal(
        gradient_map(mean_square, seen, image, 3),
        gradient_map(mean_square, seen, image, 3, sigma=SIZE / 56),
    )


@pytest.mark.parametrize("sigma", [-1.0, math.nan, math.inf])
def test_refuses_an_impossible_sigma(sigma: float) -> None:
    with pytest.raises(ValueError, match=f"sigma={sigma}"):
        gradient_map(mean_square, extractor(), picture(), 3, sigma)


@pytest.mark.parametrize("n_views", [0, 4])
def test_refuses_views_that_are_not_there(n_views: int) -> None:
    with pytest.raises(ValueError, match=f"n_views={n_views} .* 3"):
        gradient_map(mean_square, extractor(3), picture(), n_views)


def test_refuses_a_score_without_gradient() -> None:
    with pytest.raises(ValueError, match="no gradient"):
        gradient_map(lambda f: mean_square(f.detach()), extractor(), picture(), 3)
