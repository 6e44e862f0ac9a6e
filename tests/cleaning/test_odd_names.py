"""Photographs whose names are no text, from a folder to its tables and back."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from run_files import rows as table

from irp_lightning import api
from irp_lightning.commands import predict
from irp_lightning.commands.clean import main

ESCAPED = (r"Gr\xfcn.png", r"two\x0alines.png")


@pytest.fixture(scope="module")
def odd(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs, two of them trusted, that are kept for sure, under names that are escaped."""
    folder = shutil.copytree(photos, tmp_path_factory.mktemp("odd") / "photos")
    (folder / "normal").mkdir()
    for i, name in enumerate((b"Gr\xfcn.png", b"two\nlines.png")):
        (folder / f"{i:02d}.png").rename(folder / "normal" / os.fsdecode(name))
    return folder


@pytest.fixture(scope="module")
def out(odd: Path, small_overrides: list[str]) -> Path:
    to = odd.parent / "out"
    main([str(odd), "--out", str(to), "--false-alarms", "0.05", *small_overrides])
    return to


def test_tables_are_text(out: Path) -> None:
    kept = {Path(row["image_path"]).name for row in table(out / "clean.csv")}
    assert kept >= set(ESCAPED)


def test_the_clean_table_is_a_table_of_photographs(
    out: Path, small_overrides: list[str], tmp_path: Path
) -> None:
    again = tmp_path / "again"
    main([str(out / "clean.csv"), "--out", str(again), "--false-alarms", "0.05", *small_overrides])
    files = [row["image_path"] for row in table(out / "clean.csv")]
    assert sorted(row["image_path"] for row in table(again / "clean.csv")) == sorted(files)
    kept = [row["path"] for row in table(again / "manifest.csv") if row["split"] == "train"]
    assert sorted(kept) == sorted(files)


@pytest.mark.parametrize("names", ["arguments", "-"])
def test_its_names_are_scored(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    files = [
        row["image_path"] for row in table(out / "clean.csv") if Path(row["image_path"]).name in ESCAPED
    ]
    given = files
    if names == "-":
        read, write = os.pipe()
        os.write(write, "".join(f"{file}\n" for file in files).encode())
        os.close(write)
        monkeypatch.setattr("sys.stdin", os.fdopen(read, encoding="utf-8"))
        given = ["-"]
    predict.main([str(out), *given])
    told = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert told == files


def test_a_review_names_them_as_the_tables_do(
    odd: Path, out: Path, small_overrides: list[str], tmp_path: Path
) -> None:
    review = tmp_path / "review.csv"
    review.write_text(f"path,verdict\nnormal/{ESCAPED[0]},defective\n", encoding="utf-8")
    found = api.clean(odd, tmp_path / "out", review=review, overrides=small_overrides)
    assert f"normal/{ESCAPED[0]}" in found.suspects
    assert all(file.is_file() for file in found.kept)
    assert odd / "normal/two\nlines.png" in found.kept


@pytest.mark.slow
def test_names_that_the_outputs_encoding_lacks_are_escaped(
    photos: Path,
    small_overrides: list[str],
    tmp_path: Path,
    command: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    folder = tmp_path / "日本"
    folder.mkdir()
    for file in sorted(photos.glob("[01]?.png")):
        shutil.copy(file, folder / f"λ{file.name}")
    (folder / "本.png").write_bytes(b"no image")
    overrides = [*small_overrides, "batch_size=8"]
    done = command(
        "clean", str(folder), "--out", "出", *overrides, cwd=tmp_path, PYTHONIOENCODING="ascii"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"cannot be read (\u672c.png" in done.stdout
    assert rf"report           {tmp_path}/\u51fa/report.html" in done.stdout
