"""Behaviour of grouping from the pictures alone: the same part is found, a like one is not."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from groupings import named_samples, pairs
from PIL import Image, ImageDraw

from irp_lightning.data.config import DataConfig
from irp_lightning.data.groups import find_groups, fold_groups, near_duplicates
from irp_lightning.data.readers import mvtec
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError

SHARED = Path(os.environ.get("IRP_SHARED", Path(__file__).parents[3] / "shared"))
TILES = SHARED / "data/mvtec_layout/magnetic_tile"

SIZE = 96


def _texture(seed: int) -> np.ndarray:
    """A part's own random structure, some pixels coarse: (SIZE, SIZE), about -2 to 2."""
    coarse = np.random.default_rng(seed).standard_normal((SIZE // 3, SIZE // 3))
    image = Image.fromarray(coarse.astype(np.float32))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _outline() -> np.ndarray:
    """A structure that all parts of one kind share: a ring and a bar, 0 or 1."""
    image = Image.new("L", (SIZE, SIZE))
    draw = ImageDraw.Draw(image)
    draw.ellipse((18, 18, 78, 78), outline=1, width=5)
    draw.rectangle((30, 44, 66, 50), fill=1)
    return np.asarray(image).astype(float)


def _shoot(
    path: Path, scene: np.ndarray, gain: float = 1, offset: float = 0, noise_seed: int = 0
) -> None:
    """A photograph of a scene: exposure, sensor noise, eight bits."""
    noise = np.random.default_rng(noise_seed).normal(0, 2, scene.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((scene * gain + offset + noise).clip(0, 255).astype(np.uint8)).save(path)


EXPOSURES = [(1.0, 0.0), (0.7, 0.0), (1.25, 5.0), (0.9, 40.0)]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Sample], list[int]]:
    """Eight parts: every second one under several exposures; the shots and the part on each."""
    folder = tmp_path_factory.mktemp("shots")
    samples, parts = [], []
    for part in range(8):
        for k, (gain, offset) in enumerate(EXPOSURES[: 4 if part % 2 else 1]):
            name = f"part{part}_{k}.png"
            scene = 110 + 30 * _texture(part)
            _shoot(folder / name, scene, gain, offset, noise_seed=100 * part + k)
            samples += named_samples(name, folder=folder)
            parts.append(part)
    return samples, parts


def test_same_part_is_found_under_changed_exposure_and_noise(
    shots: tuple[list[Sample], list[int]],
) -> None:
    samples, parts = shots
    assert pairs(find_groups(samples, "auto", 2)) == pairs(parts)


def test_auto_does_not_see_labels(shots: tuple[list[Sample], list[int]]) -> None:
    samples, _ = shots
    kinds = ("good", "scratch", "bent")
    relabelled = [
        Sample(s.path, f"test/{kinds[i % 3]}/{s.name}", "test", kinds[i % 3])
        for i, s in enumerate(samples)
    ]
    assert find_groups(relabelled, "auto", 2) == find_groups(samples, "auto", 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_auto_does_not_depend_on_the_order_of_the_images(
    shots: tuple[list[Sample], list[int]], seed: int
) -> None:
    samples, parts = shots
    order = np.random.default_rng(seed).permutation(len(samples))
    groups = find_groups([samples[i] for i in order], "auto", 2)
    assert pairs(groups) == pairs([parts[i] for i in order])


def test_auto_does_not_depend_on_the_number_of_threads(
    shots: tuple[list[Sample], list[int]],
) -> None:
    samples, _ = shots
    assert find_groups(samples, "auto", 1) == find_groups(samples, "auto", 4)


@pytest.mark.parametrize("same", [True, False])
def test_auto_judges_two_images_on_their_own(tmp_path: Path, same: bool) -> None:
    for i in range(2):
        _shoot(tmp_path / f"{i}.png", 110 + 30 * _texture(0 if same else i), noise_seed=i)
    groups = find_groups(named_samples("0.png", "1.png", folder=tmp_path), "auto", 1)
    assert (groups[0] == groups[1]) is same


def test_auto_compares_images_of_different_size_and_colour(tmp_path: Path) -> None:
    scenes = [110 + 30 * _texture(seed) for seed in range(5)]
    for i, scene in enumerate(scenes):
        _shoot(tmp_path / f"{i}.png", scene)
    with Image.open(tmp_path / "3.png") as image:
        image.resize((240, 240), Image.Resampling.BICUBIC).convert("RGB").save(tmp_path / "5.jpg")
    names = [f"{i}.png" for i in range(5)] + ["5.jpg"]
    assert pairs(find_groups(named_samples(*names, folder=tmp_path), "auto", 2)) == {(3, 5)}


def _fixture_shots(folder: Path, gains: Sequence[float]) -> list[Sample]:
    """Parts in one fixture: a strong outline that they share, a faint texture of their own."""
    for i, gain in enumerate(gains):
        _shoot(folder / f"{i}.png", 60 + 120 * _outline() + 6 * _texture(i), gain, noise_seed=i)
    return named_samples(*(f"{i}.png" for i in range(len(gains))), folder=folder)


def test_parts_that_share_an_outline_are_not_chained(tmp_path: Path) -> None:
    samples = _fixture_shots(tmp_path, [1.0] * 24)
    assert pairs(find_groups(samples, "auto", 2)) == set()


def test_parts_that_share_an_outline_are_not_chained_by_their_exposure(tmp_path: Path) -> None:
    gains = np.random.default_rng(0).uniform(0.7, 1.3, 24).tolist()
    samples = _fixture_shots(tmp_path, gains)
    assert pairs(find_groups(samples, "auto", 2)) == set()


def test_light_from_one_side_does_not_matter(tmp_path: Path) -> None:
    # Shading makes all parts under one lamp alike, and a part under two lamps unlike.
    slope = np.linspace(-60, 60, SIZE)
    for part in range(6):
        for lamp in (-1, 1):
            scene = 120 + 20 * _texture(part) + lamp * slope
            _shoot(tmp_path / f"{part}{lamp}.png", scene, noise_seed=2 * part + (lamp > 0))
    parts = [(part, lamp) for part in range(6) for lamp in (-1, 1)]
    samples = named_samples(*(f"{part}{lamp}.png" for part, lamp in parts), folder=tmp_path)
    assert pairs(find_groups(samples, "auto", 2)) == pairs([part for part, _ in parts])


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"bad\.png"):
        find_groups(named_samples("bad.png", folder=tmp_path), "auto", 1)


@pytest.mark.skipif(not TILES.is_dir(), reason=f"needs {TILES}; set IRP_SHARED")
def test_auto_finds_the_tiles_that_were_photographed_repeatedly() -> None:
    samples = mvtec.read(
        DataConfig("mvtec", str(TILES.parent), TILES.name, "published", "auto", 64, "none", "error")
    ).samples
    auto = find_groups(samples, "auto", 2)
    known = find_groups(samples, str(TILES / "groups.csv"), 2)
    assert 600 <= len(set(auto)) <= 800
    assert max(Counter(auto).values()) <= 40  # A tile has six shots or so; more is a chain.
    found, true = pairs(auto), pairs(known)
    assert len(found & true) >= 0.5 * len(found)
    # Fewer pairs than half of the known ones would mean that little is found, however precise.
    assert len(found & true) >= 0.4 * len(true)


def test_near_duplicates_are_found_across_blocks_of_images() -> None:
    # Rows are compared 1024 at a time: the first and the last two lie in different blocks.
    thumbnails = torch.randn(1100, 256, generator=torch.Generator().manual_seed(0))
    thumbnails[-1] = thumbnails[3] * 2 + 1
    thumbnails[-2] = thumbnails[1050]
    groups = near_duplicates(thumbnails)
    assert groups == [*range(1098), 1050, 3]


def test_folds_find_groups_of_the_training_images_where_none_are_known(
    shots: tuple[list[Sample], list[int]],
) -> None:
    samples, parts = shots
    train = list(range(len(samples)))[::-1][:-1]
    chosen = [samples[i] for i in train]
    names = [s.name for s in chosen]
    groups = fold_groups(chosen, names, names, "none")
    assert pairs(groups) == pairs([parts[i] for i in train])
    assert groups[0] == 0


def test_parts_that_look_alike_are_not_chained_into_one() -> None:
    generator = torch.Generator().manual_seed(0)
    poses, parts = torch.randn(5, 400, generator=generator), torch.randn(60, 400, generator=generator)
    # Twelve different parts in each of five poses: alike by 0.7; the first was photographed twice.
    photographs = poses.repeat_interleave(12, 0) + 0.65 * parts
    again = photographs[:1] + 0.1 * torch.randn(1, 400, generator=generator)
    assert pairs(near_duplicates(torch.cat([photographs, again]))) == {(0, 60)}


def test_a_part_that_was_photographed_often_stays_one() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(4, 400, generator=generator).repeat_interleave(15, 0)
    groups = near_duplicates(parts + 0.05 * torch.randn(60, 400, generator=generator))
    assert groups == [i // 15 for i in range(60)]
