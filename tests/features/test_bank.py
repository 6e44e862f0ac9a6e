from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from irp_lightning.features.bank import FeatureBank, content_hash
from irp_lightning.features.extractor import FeatureExtractor, build_extractor


def build(**changes: object) -> FeatureExtractor:
    settings: dict[str, object] = {
        "name": "random",
        "weights": None,
        "backbone_seed": 0,
        "n_scales": 2,
        "image_size": 32,
        "crop": "none",
        "n_views": 3,
        "view_seed": 0,
        "interpolation": "bilinear",
        "fill": "zeros",
        "autocast": "none",
    }
    return build_extractor(**{**settings, **changes})  # type: ignore[arg-type]


@pytest.fixture
def bank(tmp_path: Path) -> FeatureBank:
    return FeatureBank(tmp_path / "bank", build().spec, "float32")


@pytest.fixture
def entry() -> Tensor:
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(0))


def test_what_was_written_is_read(bank: FeatureBank, entry: Tensor) -> None:
    assert "ab12" not in bank
    bank.write("ab12", entry)
    assert "ab12" in bank
    read = bank.read("ab12")
    assert read is not None
    assert torch.equal(read, entry)
    assert list(bank.images()) == ["ab12"]


def test_half_precision_takes_half_the_size(tmp_path: Path, entry: Tensor) -> None:
    half = FeatureBank(tmp_path, build().spec, "float16")
    half.write("ab12", entry)
    read = half.read("ab12")
    assert read is not None
    assert read.dtype == torch.float32
    torch.testing.assert_close(read, entry, atol=1e-3, rtol=1e-3)
    full = FeatureBank(tmp_path, build().spec, "float32")
    assert "ab12" not in full


@pytest.mark.parametrize(
    "change",
    [
        {"backbone_seed": 1},  # other weights
        {"name": "squeezenet1_1"},
        {"n_scales": 3},
        {"image_size": 64},
        {"crop": "center"},
        {"n_views": 4},
        {"view_seed": 1},
        {"interpolation": "nearest"},
        {"fill": "border"},
        {"autocast": "bf16"},
    ],
    ids=str,
)
def test_whatever_features_depend_on_has_a_bank_of_its_own(
    change: dict[str, object], bank: FeatureBank, tmp_path: Path, shared: Path
) -> None:
    if change.get("name") == "squeezenet1_1":
        change["weights"] = str(shared / "weights" / "squeezenet1_1.pth")
    other = FeatureBank(bank.folder.parent, build(**change).spec, "float32")
    assert other.folder != bank.folder


@pytest.mark.parametrize("field", ["mean", "std"])
def test_normalisation_is_part_of_the_key(field: str, bank: FeatureBank) -> None:
    spec = replace(build().spec, **{field: (0.5, 0.5, 0.5)})
    assert FeatureBank(bank.folder.parent, spec, "float32").folder != bank.folder


def test_same_settings_share_a_bank(bank: FeatureBank) -> None:
    assert FeatureBank(bank.folder.parent, build().spec, "float32").folder == bank.folder


def test_an_image_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "c").write_bytes(b"two")
    a, b, c = (content_hash(tmp_path / name) for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("damage", ["flip first", "flip last", "cut", "empty", "foreign"])
def test_a_damaged_entry_is_not_read_and_makes_room(
    bank: FeatureBank, entry: Tensor, damage: str
) -> None:
    bank.write("ab12", entry)
    bank.write("cd34", entry)
    file = bank.file("ab12")
    data = bytearray(file.read_bytes())
    if damage == "flip first":
        data[0] ^= 1
    elif damage == "flip last":
        data[-20] ^= 1  # in the numbers, not in the digest
    elif damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "empty":
        data = bytearray()
    else:
        data = bytearray(b"something else altogether, longer than a digest is")
    file.write_bytes(data)
    assert bank.read("ab12") is None
    assert bank.damaged == 1
    assert "ab12" not in bank
    assert bank.read("cd34") is not None


def test_a_failed_write_leaves_nothing(
    bank: FeatureBank, entry: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.write("ab12", entry)

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        bank.write("cd34", entry)
    assert sorted(p.name for p in bank.folder.rglob("*.*")) == ["ab12.npy", "spec.json"]
    assert bank.read("ab12") is not None
