"""Features of many images, whatever happens to the bank: never a wrong one, never a sound one lost."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from irp_lightning.bank import main as bank_command
from irp_lightning.features.bank import FeatureBank, content_hash
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.preparation import load_features
from irp_lightning.features.image_features import BankFeatures, FeatureSource, LiveFeatures, ResidentFeatures

N = 12


def extractor() -> FeatureExtractor:
    return build_extractor(
        name="random",
        weights=None,
        backbone_seed=0,
        n_scales=2,
        image_size=32,
        crop="none",
        n_views=3,
        view_seed=0,
        interpolation="bilinear",
        fill="zeros",
        autocast="none",
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


@pytest.fixture(scope="module")
def truth(paths: list[Path]) -> Tensor:
    """What the features are, without any bank."""
    source = LiveFeatures(paths, extractor(), 1)
    return source.scored(torch.arange(N))


class Counted(FeatureExtractor):
    """Counts the images it has seen."""

    images = 0

    def forward(self, images: Tensor, angles: Tensor) -> Tensor:
        self.images += len(images)
        return super().forward(images, angles)


def load(
    paths: list[Path], cache: Path, mode: str = "bank", **settings: Any
) -> tuple[FeatureSource, int, list[str]]:
    """The source, how many images were extracted, and what the user was told."""
    plain = extractor()
    counted = Counted(plain.backbone, plain.spec)
    said: list[str] = []
    source = load_features(
        mode,
        paths,
        [content_hash(path) for path in paths],
        counted,
        FeatureBank(cache, plain.spec, "float32"),
        workers=0,
        device=torch.device("cpu"),
        say=said.append,
        **settings,
    )
    return source, counted.images, said


def check(source: FeatureSource, truth: Tensor) -> None:
    torch.testing.assert_close(source.scored(torch.arange(len(truth))), truth, rtol=1e-5, atol=1e-6)


def test_every_image_is_extracted_once(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    first, extracted, _ = load(paths, tmp_path)
    assert extracted == N
    check(first, truth)
    second, extracted, _ = load(paths, tmp_path)
    assert extracted == 0
    assert torch.equal(second.scored(torch.arange(N)), first.scored(torch.arange(N)))


def test_added_images_alone_are_extracted(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    load(paths[: N - 2], tmp_path)
    source, extracted, _ = load(paths, tmp_path)
    assert extracted == 2
    check(source, truth)


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
def test_all_sources_score_alike(
    mode: str, kind: type, paths: list[Path], truth: Tensor, tmp_path: Path
) -> None:
    source, _, _ = load(paths, tmp_path / "cache", mode)
    assert isinstance(source, kind)
    check(source, truth)
    assert (tmp_path / "cache").exists() == (mode == "bank")


def test_features_that_do_not_fit_stay_on_disk(paths: list[Path], truth: Tensor, tmp_path: Path) -> None:
    source, _, said = load(paths, tmp_path, memory_limit=1e-9)
    assert isinstance(source, BankFeatures)
    check(source, truth)
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
    source, _, _ = load(paths, tmp_path, "live")
    generator = torch.Generator().manual_seed(0)
    first, second = (source.drawn(torch.tensor([0]), 4, generator) for _ in range(2))
    assert first.shape == (1, 4, truth.shape[2])
    assert not torch.equal(first, second)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damage_is_found_mended_and_said(
    damage: str, paths: list[Path], truth: Tensor, tmp_path: Path
) -> None:
    load(paths, tmp_path)
    file = FeatureBank(tmp_path, extractor().spec, "float32").file(content_hash(paths[3]))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes({"flip": bytes(data), "cut": bytes(data[:200]), "empty": b""}[damage])
    source, extracted, said = load(paths, tmp_path)
    check(source, truth)
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
    source, extracted, said = load(paths, tmp_path)
    check(source, truth)
    assert extracted == N
    assert ["No space left" in line for line in said] == [True]
    assert not list(tmp_path.rglob("*.part"))
    monkeypatch.undo()
    source, extracted, _ = load(paths, tmp_path)
    check(source, truth)
    assert extracted == N - 5  # what was written before the disk was full is used


@pytest.mark.parametrize("place", ["under a file", "/proc/irp"])
def test_a_cache_that_cannot_be_written_costs_no_feature(
    place: str, paths: list[Path], truth: Tensor, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = tmp_path / "file" / "cache" if place == "under a file" else Path(place)
    source, _, said = load(paths, cache)
    check(source, truth)
    assert "cannot be written" in said[0]


EXTRACT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_loading import load
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
    source, again, said = load(pictures, tmp_path / "cache")
    assert (again, said) == (0, [])
    check(source, LiveFeatures(pictures, extractor(), 1).scored(torch.arange(len(pictures))))


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
    source, extracted, said = load(pictures, tmp_path / "cache")
    assert extracted == 400 - kept
    assert said == []
    check(source, LiveFeatures(pictures, extractor(), 1).scored(torch.arange(400)))


def test_the_bank_command_lists_verifies_and_prunes(
    paths: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(paths, tmp_path)
    where = ["--cache-dir", str(tmp_path)]
    bank_command([*where, "list"])
    listed = capsys.readouterr().out
    assert "random" in listed
    assert str(N) in listed
    bank_command([*where, "verify"])
    assert f"{N} entries, 0 damaged" in capsys.readouterr().out

    file = FeatureBank(tmp_path, extractor().spec, "float32").file(content_hash(paths[0]))
    file.write_bytes(file.read_bytes()[:-1])
    leftover = file.with_name(".x.npy.1-2.part")
    leftover.write_bytes(b"half")
    os.utime(leftover, (0, 0))
    fresh = file.with_name(".y.npy.1-2.part")
    fresh.write_bytes(b"somebody is writing this now")
    with pytest.raises(SystemExit) as status:
        bank_command([*where, "verify"])
    assert status.value.code == 1
    assert "1 damaged" in capsys.readouterr().out

    bank_command([*where, "prune"])
    assert not file.exists()
    assert not leftover.exists()
    assert fresh.exists()
    assert len(list(tmp_path.rglob("*.npy"))) == N - 1

    bank_command([*where, "prune", "--unused-days", "30"])
    assert len(list(tmp_path.rglob("*.npy"))) == N - 1
    bank_command([*where, "prune", "--unused-days", "0"])
    assert not list(tmp_path.rglob("*.npy"))


def test_the_bank_command_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is not a folder"):
        bank_command(["--cache-dir", str(tmp_path / "nothing"), "list"])


def test_pruning_leaves_what_is_no_bank(paths: list[Path], tmp_path: Path) -> None:
    foreign = tmp_path / "project" / "ab"
    foreign.mkdir(parents=True)
    files = [foreign.parent / "spec.json", foreign / "data.npy", foreign.parent / ".x.part"]
    for file in files:
        file.write_text('{"backbone": "random"}')
        os.utime(file, (0, 0))
    load(paths, tmp_path)
    bank_command(["--cache-dir", str(tmp_path), "prune", "--unused-days", "0"])
    assert all(file.exists() for file in files)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["project"]


@pytest.mark.parametrize("days", ["-5", "nan", "soon"])
def test_days_must_be_a_number_of_days(days: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as status:
        bank_command(["--cache-dir", str(tmp_path), "prune", f"--unused-days={days}"])
    assert status.value.code == 2


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
    source, extracted, said = load(paths, tmp_path)
    assert extracted == 2
    check(source, truth)
    assert any("2 damaged" in line for line in said)
    assert any("cannot be written" in line for line in said)
