"""``irp-lightning bank``: lists, verifies, prunes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from irp_lightning.commands.bank import main
from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import BackboneConfig, ViewsConfig
from irp_lightning.features.extractor import build_extractor

N = 3
DAYS = 86_400


@pytest.fixture
def bank(tmp_path: Path) -> FeatureBank:
    """A bank of ``N`` entries below ``tmp_path``."""
    views = ViewsConfig(
        count=3, seed=0, n_transforms=2, n_transforms_test=3, interpolation="bilinear", fill="zeros"
    )
    extractor = build_extractor(
        BackboneConfig(name="random", weights=None, n_scales=2, seed=0),
        views,
        image_size=32,
        crop="none",
        autocast="none",
    )
    found = FeatureBank(tmp_path, extractor.spec, "float32")
    for i in range(N):
        found.write(f"{i:032x}", torch.rand(3, 5))
    return found


def entries(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*.npy") if not file.name.startswith(".")]


def test_banks_are_listed(bank: FeatureBank, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--cache-dir", str(tmp_path), "list"])
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if "random" in line and "│ 32 " in line)
    assert [part.strip() for part in row.split("│")][2:7] == ["random", "32", "3", "float32", str(N)]
    assert f"MiB in {tmp_path}" in shown


@pytest.mark.slow
def test_it_is_filled_ahead_of_a_run(
    small: list[str], tmp_path: Path, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    ours = [s for s in small if not s.startswith("cache_dir")]
    where = ["+experiment=mvtec_noise", *ours, "refine=robust", f"cache_dir={tmp_path / 'cache'}"]
    first = command("bank", "fill", *where, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert ", 0 of them there already" in first.stdout
    before = {file: file.stat().st_mtime_ns for file in entries(tmp_path / "cache")}
    assert command("run", *where, "hydra.run.dir=out", cwd=tmp_path).returncode == 0
    assert {file: file.stat().st_mtime_ns for file in entries(tmp_path / "cache")} == before


@pytest.mark.slow
def test_jobs_of_ray_fill_one_bank(
    small: list[str], tmp_path: Path, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    pytest.importorskip("ray", reason="needs irp-lightning[ray]")
    ours = [s for s in small if not s.startswith("cache_dir")]
    where = ["+experiment=mvtec_noise", *ours]
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    assert command("bank", "fill", *where, f"cache_dir={alone}", cwd=tmp_path).returncode == 0
    done = command("bank", "--cache-dir", str(shared), "fill", *where, "--jobs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("there already") == 2 * len(list(shared.glob("*/spec.json")))
    made = {file.relative_to(shared): file.read_bytes() for file in entries(shared)}
    assert made == {file.relative_to(alone): file.read_bytes() for file in entries(alone)}
    refused = command("bank", "fill", *where, "data.root=/no/such", "--jobs", "2", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("irp_lightning: data.root=/no/such is not a folder")


@pytest.mark.parametrize("wrong", [["--jobs", "0"], ["--cpus", "x"], []])
def test_what_cannot_be_filled_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main(["fill", *(["+experiment=demo"] if wrong else []), *wrong])
    assert status.value.code == 2


def test_a_bank_that_keeps_nothing_is_not_filled() -> None:
    with pytest.raises(SystemExit, match=r"^irp_lightning: features.cache=live keeps nothing"):
        main(["fill", "+experiment=demo", "features.cache=live"])


def test_damaged_entries_are_told_and_pruned(
    bank: FeatureBank, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--cache-dir", str(tmp_path)]
    main([*where, "verify"])
    assert f"{N} entries, 0 damaged" in capsys.readouterr().out
    file = bank.file(f"{0:032x}")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(SystemExit) as status:
        main([*where, "verify"])
    assert status.value.code == 1
    shown = capsys.readouterr().out
    assert f"damaged: {file}" in shown
    assert f"{N} entries, 1 damaged" in shown
    main([*where, "prune"])
    assert len(entries(tmp_path)) == N - 1
    assert not file.exists()


@pytest.mark.parametrize("name", [".x.npy.1-2.part", ".0123abcd.part.npy", ".0123abcd.part.json"])
@pytest.mark.parametrize("place", ["beside the entries", "beside the spec"])
def test_what_killed_processes_left_is_pruned(
    name: str, place: str, bank: FeatureBank, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = bank.folder if place == "beside the spec" else bank.file(f"{0:032x}").parent
    leftover, fresh = folder / name, folder / name.replace(".", ".new", 1)
    for file in (leftover, fresh):
        file.write_bytes(b"half")
    os.utime(leftover, (0, 0))
    where = ["--cache-dir", str(tmp_path)]
    main([*where, "verify"])
    assert f"{N} entries, 0 damaged" in capsys.readouterr().out  # neither is an entry
    main([*where, "prune"])
    assert not leftover.exists()
    assert fresh.exists()  # somebody is writing it now
    assert len(entries(tmp_path)) == N


def test_banks_that_nobody_uses_are_pruned_when_asked(bank: FeatureBank, tmp_path: Path) -> None:
    where = ["--cache-dir", str(tmp_path), "prune"]
    used = (bank.folder / "spec.json").stat().st_mtime - 40 * DAYS
    os.utime(bank.folder / "spec.json", (used, used))
    main(where)
    main([*where, "--unused-days", "50"])
    assert len(entries(tmp_path)) == N
    main([*where, "--unused-days", "30"])
    assert list(tmp_path.iterdir()) == []


def test_pruning_leaves_what_is_no_bank(bank: FeatureBank, tmp_path: Path) -> None:
    foreign = tmp_path / "project" / "ab"
    foreign.mkdir(parents=True)
    files = [foreign.parent / "spec.json", foreign / "data.npy", foreign.parent / ".x.part"]
    for file in files:
        file.write_text('{"backbone": "random"}')
        os.utime(file, (0, 0))
    main(["--cache-dir", str(tmp_path), "prune", "--unused-days", "0"])
    assert all(file.exists() for file in files)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["project"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is not a folder"):
        main(["--cache-dir", str(tmp_path / "nothing"), "list"])


@pytest.mark.parametrize("days", ["-5", "nan", "soon"])
def test_days_must_be_a_number_of_days(days: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as status:
        main(["--cache-dir", str(tmp_path), "prune", f"--unused-days={days}"])
    assert status.value.code == 2


def test_the_cache_is_where_the_environment_says(
    bank: FeatureBank,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("IRP_CACHE", str(tmp_path))
    main(["verify"])
    assert f"{N} entries, 0 damaged" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["list", "verify", "prune"])
def test_no_torch_is_needed(command: str, tmp_path: Path) -> None:
    code = (
        "import sys; from irp_lightning.commands.bank import main\n"
        f"main(['--cache-dir', {str(tmp_path)!r}, {command!r}])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
