"""Features of many images: each extracted once, kept where they fit, of every kind the same."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image
from prepared_features import CPU, N, check, config, extractor, load
from torch import Tensor

from irp_lightning.data.files.content import content_hash
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import PatchesConfig
from irp_lightning.features.image_features import BankFeatures, LiveFeatures, ResidentFeatures
from irp_lightning.features.preparation import prepare_features


def test_every_image_is_extracted_once(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    first, extracted, _ = load(paths, tmp_path)
    assert extracted == N
    check(first, truth)
    second, extracted, _ = load(paths, tmp_path)
    assert extracted == 0
    assert torch.equal(second.scored(torch.arange(N)), first.scored(torch.arange(N)))


def test_added_images_alone_are_extracted(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    load(paths[: N - 2], tmp_path)
    features, extracted, _ = load(paths, tmp_path)
    assert extracted == 2
    check(features, truth)


def test_a_renamed_image_is_known_and_a_changed_one_is_not(paths: list[Path], tmp_path: Path) -> None:
    load(paths, tmp_path / "cache")
    renamed = tmp_path / "renamed.png"
    renamed.write_bytes(paths[0].read_bytes())
    assert load([renamed], tmp_path / "cache")[1] == 0
    Image.open(renamed).rotate(180).save(renamed)
    assert load([renamed], tmp_path / "cache")[1] == 1


@pytest.mark.parametrize(
    ("mode", "kind"), [("bank", ResidentFeatures), ("memory", ResidentFeatures), ("live", LiveFeatures)]
)
def test_all_kinds_of_features_score_alike(
    mode: str, kind: type, paths: list[Path], truth: Tensor, tmp_path: Path
) -> None:
    features, _, _ = load(paths, tmp_path / "cache", mode)
    assert isinstance(features, kind)
    check(features, truth)
    assert (tmp_path / "cache").exists() == (mode == "bank")


def test_features_that_do_not_fit_stay_on_disk(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    features, _, said = load(paths, tmp_path, memory_limit=1e-9)
    assert isinstance(features, BankFeatures)
    check(features, truth)
    assert "do not fit" in said[0]


def test_stored_and_resident_features_draw_the_same_views(paths: list[Path], tmp_path: Path) -> None:
    images = torch.tensor([4, 0, 7])
    drawn = [
        load(paths, tmp_path, memory_limit=limit)[0].drawn(images, 2, torch.Generator().manual_seed(5))
        for limit in (None, 1e-9)
    ]
    assert drawn[0].shape[:2] == (3, 2)
    assert torch.equal(drawn[0], drawn[1])


def test_live_training_draws_angles_anew(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    features, _, _ = load(paths, tmp_path, "live")
    generator = torch.Generator().manual_seed(0)
    first, second = (features.drawn(torch.tensor([0]), 4, generator) for _ in range(2))
    assert first.shape == (1, 4, truth.shape[2])
    assert not torch.equal(first, second)


@pytest.mark.parametrize("cache", ["bank", "memory", "live"])
def test_patches_lie_beside_the_views_and_are_never_live(
    cache: str, paths: list[Path], tmp_path: Path
) -> None:
    whole = extractor()
    of_patches = whole.of_patches(
        PatchesConfig(image_size=whole.spec.image_size, grid=2, neighbourhood=1)
    )
    bank = FeatureBank(tmp_path, of_patches.spec, "float32")
    hashes = [content_hash(path) for path in paths]
    patches = prepare_features(of_patches, bank, paths, hashes, config(cache), CPU, once=True)
    # Read once: from the bank's files where there is one, in memory else.
    assert isinstance(patches, BankFeatures if cache == "bank" else ResidentFeatures)
    found = patches.scored(torch.arange(N))
    assert found.shape == (N, 4, of_patches.dim)
    assert (found.std(dim=1) > 0).any()
    live = LiveFeatures(paths, of_patches, ThreadPoolExecutor(1))
    assert live.n_views == patches.n_views == 4
    check(live, found)
    assert bool(list(tmp_path.rglob("*.npy"))) == (cache == "bank")


@pytest.mark.parametrize("kind", ["bank", "live"])
def test_no_images_have_no_features(kind: str, paths: list[Path], tmp_path: Path) -> None:
    features, _, _ = load(paths, tmp_path, kind, memory_limit=1e-9)
    assert features.scored(torch.tensor([], dtype=torch.long)).shape == (0, 3, features.dim)
