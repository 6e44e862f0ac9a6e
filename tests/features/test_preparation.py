"""Features of many images, whatever happens to the bank: never a wrong one, never a sound one lost."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.content import content_hash
from irp_lightning.extractors import extractors_of
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import BackboneConfig, FeaturesConfig, PatchesConfig, ViewsConfig
from irp_lightning.features.extraction import extract
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.image_features import (
    BankFeatures,
    ImageFeatures,
    LiveFeatures,
    ResidentFeatures,
)
from irp_lightning.features.preparation import free_memory, prepare_features
from irp_lightning.foundation.errors import InputError

N = 12
CPU = torch.device("cpu")


def extractor(n_scales: int = 2) -> FeatureExtractor:
    views = ViewsConfig(
        count=3, seed=0, n_transforms=1, n_transforms_test=1, interpolation="bilinear", fill="zeros"
    )
    backbone = BackboneConfig(name="random", weights=None, n_scales=n_scales, seed=0)
    return build_extractor(backbone, views, image_size=32, crop="none", autocast="none")


def config(cache: str = "bank", memory_limit: float | None = None) -> FeaturesConfig:
    return FeaturesConfig(
        cache=cache, dtype="float32", autocast="none", workers=0, memory_limit_gb=memory_limit
    )


def write_images(folder: Path, count: int, first: int = 0) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i:05d}.png" for i in range(first, first + count)]
    for i, path in enumerate(paths, first):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_images(tmp_path_factory.mktemp("pictures"), N)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_backbone_finds_the_same(paths: list[Path]) -> None:
    plain, compiled = (
        torch.stack([v for _, v in extract(paths, extractor(1), workers=0, device=CPU, compile=c)])
        for c in (False, True)
    )
    torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 1


@pytest.mark.parametrize("key", ["features.compile", "model.compile"])
def test_without_a_compiler_nothing_begins(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=f"{key}=true needs a C.. compiler, and no-such-compiler"):
        extractors_of(experiment("+experiment=demo", f"{key}=true"))


@pytest.fixture(scope="module")
def truth(paths: list[Path]) -> Tensor:
    """What the features are, without any bank."""
    return LiveFeatures(paths, extractor(), ThreadPoolExecutor(1)).scored(torch.arange(N))


class Counted(FeatureExtractor):
    """Counts the images it has seen."""

    images = 0

    def forward(self, images: Tensor, angles: Tensor) -> Tensor:
        self.images += len(images)
        return super().forward(images, angles)


def load(
    paths: list[Path], cache: Path, mode: str = "bank", memory_limit: float | None = None
) -> tuple[ImageFeatures, int, list[str]]:
    """The features, how many images were extracted, and what the user was told."""
    plain = extractor()
    counted = Counted(plain.backbone, plain.spec)
    said: list[str] = []
    features = prepare_features(
        counted,
        FeatureBank(cache, plain.spec, "float32"),
        paths,
        [content_hash(path) for path in paths],
        config(mode, memory_limit),
        CPU,
        say=said.append,
    )
    return features, counted.images, said


def check(features: ImageFeatures, truth: Tensor) -> None:
    torch.testing.assert_close(features.scored(torch.arange(len(truth))), truth, rtol=1e-5, atol=1e-6)


def test_every_image_is_extracted_once(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    first, extracted, _ = load(paths, tmp_path)
    assert extracted == N
    check(first, truth)
    second, extracted, _ = load(paths, tmp_path)
    assert extracted == 0
    assert torch.equal(second.scored(torch.arange(N)), first.scored(torch.arange(N)))


def test_features_that_are_no_numbers_are_refused(paths: list[Path], tmp_path: Path) -> None:
    broken = extractor()
    next(broken.backbone.parameters()).data.fill_(torch.nan)
    with pytest.raises(InputError, match=r"png: the backbone's features of it are no finite numbers"):
        next(extract(paths, broken, workers=0, device=CPU))


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


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damage_is_found_mended_and_said(
    damage: str, paths: list[Path], truth: Tensor, tmp_path: Path
) -> None:
    load(paths, tmp_path)
    file = FeatureBank(tmp_path, extractor().spec, "float32").file(content_hash(paths[3]))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes({"flip": bytes(data), "cut": bytes(data[:200]), "empty": b""}[damage])
    features, extracted, said = load(paths, tmp_path)
    check(features, truth)
    assert extracted == 1
    assert any("1 damaged" in line for line in said)
    assert load(paths, tmp_path)[1:] == (0, [])


def test_a_full_disk_costs_no_feature(
    paths: list[Path], truth: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def until_full(self: Path, data: bytes) -> int:
        if len(list(tmp_path.rglob("*.npy"))) >= 5:
            write(self, data[:50])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", until_full)
    features, extracted, said = load(paths, tmp_path)
    check(features, truth)
    assert extracted == N
    assert ["No space left" in line for line in said] == [True]
    assert not list(tmp_path.rglob("*.part*"))
    monkeypatch.undo()
    features, extracted, _ = load(paths, tmp_path)
    check(features, truth)
    assert extracted == N - 5  # what was written before the disk was full is used


@pytest.mark.parametrize("place", ["under a file", "/proc/irp"])
def test_a_cache_that_cannot_be_written_costs_no_feature(
    place: str, paths: list[Path], truth: Tensor, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = tmp_path / "file" / "cache" if place == "under a file" else Path(place)
    features, _, said = load(paths, cache)
    check(features, truth)
    assert "cannot be written" in said[0]


EXTRACT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_preparation import load
paths = sorted(Path({pictures!r}).glob("*.png"))
print("ready", flush=True)
print(load(paths, Path({cache!r}))[1], flush=True)
"""


def start(pictures: Path, cache: Path) -> "subprocess.Popen[str]":
    code = EXTRACT.format(tests=str(Path(__file__).parent), pictures=str(pictures), cache=str(cache))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    pictures = write_images(tmp_path / "pictures", 300)
    running = [start(tmp_path / "pictures", tmp_path / "cache") for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    extracted = [int(output[1]) for output in outputs]
    # At most a few images are in both their hands at the same moment.
    assert len(pictures) <= sum(extracted) <= 1.2 * len(pictures) + 10
    features, again, said = load(pictures, tmp_path / "cache")
    assert (again, said) == (0, [])
    check(
        features,
        LiveFeatures(pictures, extractor(), ThreadPoolExecutor(1)).scored(torch.arange(len(pictures))),
    )


def test_a_kill_in_the_middle_loses_nothing_that_was_whole(tmp_path: Path) -> None:
    pictures = write_images(tmp_path / "pictures", 400)
    process = start(tmp_path / "pictures", tmp_path / "cache")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    bank = FeatureBank(tmp_path / "cache", extractor().spec, "float32")
    deadline = time.monotonic() + 60
    while len(list(bank.images())) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    kept = len(list(bank.images()))
    assert 20 <= kept < 400
    features, extracted, said = load(pictures, tmp_path / "cache")
    assert extracted == 400 - kept
    assert said == []
    check(features, LiveFeatures(pictures, extractor(), ThreadPoolExecutor(1)).scored(torch.arange(400)))


def test_a_damaged_entry_that_cannot_be_removed_costs_no_feature(
    paths: list[Path], truth: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(paths, tmp_path)
    bank = FeatureBank(tmp_path, extractor().spec, "float32")
    for path in paths[:2]:
        file = bank.file(content_hash(path))
        file.write_bytes(file.read_bytes()[:-3])

    def read_only(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # The whole bank is read-only: nothing can be removed, written or renamed.
    for name in ("unlink", "write_bytes", "replace"):
        monkeypatch.setattr(Path, name, read_only)
    features, extracted, said = load(paths, tmp_path)
    assert extracted == 2
    check(features, truth)
    assert any("2 damaged" in line for line in said)
    assert any("cannot be written" in line for line in said)


GIB = 2**30


def write(file: Path, text: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A machine with 100 GiB of memory, 40 of them free."""
    write(tmp_path / "proc/meminfo", f"MemTotal: {100 * 2**20} kB\nMemAvailable: {40 * 2**20} kB")
    return tmp_path


@pytest.mark.parametrize(
    ("cgroup", "group", "names"),
    [
        # As the processes of a container see it, of a batch job, and of one below a limit.
        ("0::/", "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")),
        ("0::/job/7", "sys/fs/cgroup/job/7", ("memory.max", "memory.current", "inactive_file")),
        ("0::/job/7/step", "sys/fs/cgroup/job", ("memory.max", "memory.current", "inactive_file")),
        (
            "5:cpu:/x\n4:memory:/docker/abc\n0::/",
            "sys/fs/cgroup/memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_free_memory_respects_the_limit_of_a_container(
    system: Path, cgroup: str, group: str, names: tuple[str, str, str]
) -> None:
    write(system / "proc/self/cgroup", cgroup)
    assert free_memory(CPU, system) == 40 * GIB
    limit, used, cached = names
    write(system / group / limit, 8 * GIB)
    write(system / group / used, 5 * GIB)
    write(system / group / "memory.stat", f"anon {3 * GIB}\n{cached} {GIB}")
    assert free_memory(CPU, system) == 4 * GIB  # files in memory make way
    write(system / group / limit, 60 * GIB)
    assert free_memory(CPU, system) == 40 * GIB  # the machine has no more


def test_a_group_without_a_limit_limits_nothing(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/")
    write(system / "sys/fs/cgroup/memory.max", "max")
    write(system / "sys/fs/cgroup/memory.current", GIB)
    write(system / "sys/fs/cgroup/memory.stat", f"inactive_file {GIB}")
    assert free_memory(CPU, system) == 40 * GIB


def test_free_memory_without_linuxs_word_is_some(tmp_path: Path) -> None:
    assert free_memory(CPU, tmp_path) > 0
    assert free_memory(CPU) > 0
