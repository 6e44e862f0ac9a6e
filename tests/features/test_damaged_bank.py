"""A bank that is damaged, full or read-only: never a wrong feature, never a sound one lost."""

import errno
import os
from pathlib import Path

import pytest
from prepared_features import N, check, extractor, load
from torch import Tensor

from irp_lightning.data.files.content import content_hash
from irp_lightning.features.bank import FeatureBank


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
