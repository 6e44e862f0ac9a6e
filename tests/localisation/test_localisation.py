"""Which images maps are taken of, beside which masks, and what is kept of them."""

from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from irp_lightning.data.samples import Sample
from irp_lightning.features.config import BackboneConfig, ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.localisation.localisation import choose_images, localise, localise_some
from irp_lightning.localisation.measures import aupro, pixel_auroc


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


def seen(size: int, n_views: int) -> FeatureExtractor:
    """Sees what is brighter than a mid grey, and nothing else."""
    backbone = BackboneConfig(name="random", weights=None, n_scales=1, seed=0)
    views = ViewsConfig(
        count=n_views,
        seed=0,
        n_transforms=1,
        n_transforms_test=1,
        interpolation="bilinear",
        fill="zeros",
    )
    extractor = build_extractor(backbone, views, image_size=size, crop="none", autocast="none")
    extractor.backbone.features = torch.nn.Sequential(torch.nn.Threshold(0.5, 0.0))
    return extractor


class MeanSquare(L.LightningModule):
    def score(self, features: Tensor) -> Tensor:
        return features.square().mean(dim=(1, 2))


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
        Image.fromarray(mask).save(folder / f"m{i}.png")
        kind, file = ("spot", folder / f"m{i}.png") if i < 2 else ("good", None)
        samples.append(Sample(folder / f"{i}.png", f"test/{i}.png", "test", kind, file))
    return samples


@pytest.mark.parametrize(("size", "side"), [(64, 64), (320, 160)])
def test_localise_finds_bright_spots(tmp_path: Path, size: int, side: int) -> None:
    samples = bright_spots(tmp_path, size)
    found = localise(MeanSquare(), seen(size, 3), samples, 3, torch.device("cpu"))
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
    Image.fromarray(mask).save(tmp_path / "m0.png")
    found = localise(MeanSquare(), seen(320, 1), samples, 1, torch.device("cpu"))
    assert found.masks[0].nonzero().tolist() == [[50, 25]]


class Detector(L.LightningModule):
    def score(self, features: Tensor) -> Tensor:
        assert not self.training
        return MeanSquare().score(features)


class Blind(Detector):
    def score(self, features: Tensor) -> Tensor:
        return MeanSquare().score(features.detach())


def test_of_the_test_images_as_many_are_localised_as_were_asked_for(tmp_path: Path) -> None:
    samples, cpu = bright_spots(tmp_path, 64), torch.device("cpu")
    found = localise_some(Detector(), seen(64, 2), samples, count=2, seed=0, n_views=2, device=cpu)
    assert len(found.names) == 2
    assert "test/2.png" in found.names  # half of them are normal
    everything = localise_some(
        Detector(), seen(64, 2), samples, count=None, seed=0, n_views=2, device=cpu
    )
    assert everything.names == [sample.name for sample in samples]
    with pytest.raises(WrongValue, match=r"^localise=2 cannot be had: .* no gradient"):
        localise_some(Blind(), seen(64, 2), samples, count=2, seed=0, n_views=2, device=cpu)
