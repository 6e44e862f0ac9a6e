from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import BackboneConfig, PatchesConfig, ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor, build_extractor
from irp_lightning.features.spec import ExtractorSpec
from irp_lightning.foundation.errors import InputError

BACKBONE = BackboneConfig(name="random", weights=None, n_scales=2, seed=0)
VIEWS = ViewsConfig(
    count=3, seed=0, n_transforms=1, n_transforms_test=1, interpolation="bilinear", fill="zeros"
)
OTHERS: dict[str, Any] = {"image_size": 64, "crop": "none", "autocast": "none"}


def build(
    backbone: dict[str, Any] | None = None, views: dict[str, Any] | None = None, **changes: Any
) -> FeatureExtractor:
    return build_extractor(
        replace(BACKBONE, **backbone or {}), replace(VIEWS, **views or {}), **{**OTHERS, **changes}
    )


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


def test_what_half_precision_cannot_hold_is_refused_and_leaves_nothing(
    tmp_path: Path, entry: Tensor
) -> None:
    half = FeatureBank(tmp_path, build().spec, "float16")
    with pytest.raises(InputError, match=r"^dtype=float16 cannot hold a feature of 7e\+04.*float32"):
        half.write("ab12", torch.full_like(entry, 7e4))
    assert "ab12" not in half
    FeatureBank(tmp_path, build().spec, "float32").write("ab12", torch.full_like(entry, 7e4))


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": {"seed": 1}},  # other weights
        {"backbone": {"name": "squeezenet1_1"}},
        {"backbone": {"n_scales": 3}},
        {"image_size": 128},
        {"crop": "center"},
        {"views": {"count": 4}},
        {"views": {"seed": 1}},
        {"views": {"interpolation": "nearest"}},
        {"views": {"fill": "border"}},
        {"autocast": "bf16"},
    ],
    ids=str,
)
def test_whatever_features_depend_on_has_a_bank_of_its_own(
    change: dict[str, Any], bank: FeatureBank, shared: Path
) -> None:
    if change.get("backbone") == {"name": "squeezenet1_1"}:
        change["backbone"]["weights"] = str(shared / "weights" / "squeezenet1_1.pth")
    other = FeatureBank(bank.folder.parent, build(**change).spec, "float32")
    assert other.folder != bank.folder


@pytest.mark.parametrize("field", ["mean", "std"])
def test_normalisation_is_part_of_the_key(field: str, bank: FeatureBank) -> None:
    spec = replace(build().spec, **{field: (0.5, 0.5, 0.5)})
    assert FeatureBank(bank.folder.parent, spec, "float32").folder != bank.folder


def test_same_settings_share_a_bank(bank: FeatureBank) -> None:
    assert FeatureBank(bank.folder.parent, build().spec, "float32").folder == bank.folder


def test_patches_have_a_bank_of_their_own(bank: FeatureBank) -> None:
    spec = build().of_patches(PatchesConfig(grid=4)).spec
    assert spec.n_vectors == 16
    assert FeatureBank(bank.folder.parent, spec, "float32").folder != bank.folder


def test_banks_of_earlier_versions_are_found_again(tmp_path: Path) -> None:
    spec = ExtractorSpec(
        backbone="alexnet",
        weights="0123456789abcdef0123456789abcdef",
        backbone_seed=0,
        n_scales=3,
        image_size=448,
        crop="none",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation="bilinear",
        fill="zeros",
        view_seed=0,
        angles=(12.5, 300.0),
        autocast="none",
    )
    names = [
        FeatureBank(tmp_path, replace(spec, grid=grid), dtype).folder.name
        for grid, dtype in ((1, "float32"), (8, "float16"))
    ]
    assert names == [
        "alexnet-a56c78383f1f2675420b45381b3e90f5",
        "alexnet-7a61747d9df324e5db224d2946df3746",
    ]
    bank = FeatureBank(tmp_path, spec, "float32")
    bank.write("ab12", torch.arange(6.0).view(2, 3))
    assert bank.file("ab12") == tmp_path / names[0] / "ab" / "ab12.npy"
    digest = bank.file("ab12").read_bytes()[-16:].hex()
    assert digest == "a874bc018e925c2ecc1c12f4557a5195"
    assert np.load(bank.file("ab12")).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_is_being_written_is_no_entry(bank: FeatureBank, entry: Tensor) -> None:
    bank.write("ab12", entry)
    (bank.folder / "ab" / ".0123abcd.part.npy").write_bytes(b"half")
    assert list(bank.images()) == ["ab12"]


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
