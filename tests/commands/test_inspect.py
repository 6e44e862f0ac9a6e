"""``irp-lightning inspect``: what a run would read, before it reads."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irp_lightning.commands.inspect import main

Command = Callable[..., subprocess.CompletedProcess[str]]
Look = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(images: Path, tmp_path: Path) -> Path:
    """A copy of the small category that may be spoilt."""
    return Path(shutil.copytree(images / "fabric", tmp_path / "data" / "fabric"))


@pytest.fixture
def look(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Look:
    """Call the command line; its status and what it prints."""

    def called(*arguments: str) -> tuple[int, str]:
        where = [f"data.root={folder.parent}", "data.category=fabric", f"cache_dir={tmp_path / 'cache'}"]
        try:
            main([*where, *arguments])
        except SystemExit as ended:
            text = capsys.readouterr().out
            return (ended.code, text) if isinstance(ended.code, int) else (1, text + str(ended.code))
        return 0, capsys.readouterr().out

    return called


def row(text: str, *begin: str) -> list[str]:
    (found,) = [line.split() for line in text.splitlines() if line.split()[: len(begin)] == [*begin]]
    return found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("place", ["train", "train/good", "test", "ground_truth", "."])
def test_folders_that_may_not_be_read_are_refused_in_a_line(
    look: Look, folder: Path, place: str
) -> None:
    (folder / place).chmod(0)
    status, text = look()
    (folder / place).chmod(0o755)
    assert status == 1
    assert text.count("\n") == 0
    assert "ermission denied" in text


def test_a_sound_folder_is_counted_by_side_and_kind(look: Look, folder: Path) -> None:
    status, text = look("noise=0.2")
    assert status == 0
    assert row(text, "train", "good")[2:6] == ["16", "64", "x", "64"]
    defects = sorted(path.name for path in (folder / "test").iterdir() if path.name != "good")
    for name in defects:
        assert row(text, "test", name)[2:4] == ["4", "4"]
    injected, tested = round(16 * 0.2 / 0.8), len(defects) * 2
    assert (
        f"trains on 16 normal and {injected} defective images (noise 0.200), tests on 6 normal and "
        f"{tested} defective" in text
    )
    assert "each image a group of its own; no file twice" in text
    assert "nothing that falsifies" in text


def test_what_would_falsify_comes_first_and_sets_the_status(look: Look, folder: Path) -> None:
    shutil.copy(folder / "train/good/000.png", folder / "test/good/copy.png")
    (folder / "train/good/lot1").mkdir()
    shutil.copy(folder / "train/good/001.png", folder / "train/good/lot1/x.png")
    (folder / "train/good/notes.txt").write_text("")
    status, text = look()
    assert status == 1
    wrong = [line for line in text.splitlines() if line.startswith("!")]
    assert len(wrong) == 2
    assert "1 images in sub-folders are not read (train/good/lot1)" in wrong[0]
    assert "1 photographs are on both sides" in wrong[1]
    assert "- 1 files ending in .txt" in text.partition(wrong[1])[2]
    assert "2 of these would falsify or stop a run" in text


def test_an_image_that_stops_a_run_is_listed_with_all_others(look: Look, folder: Path) -> None:
    for name in ("000", "001"):
        (folder / f"train/good/{name}.png").write_bytes(b"no image")
    status, text = look()
    assert status == 1
    assert [line.startswith("! ") for line in text.splitlines() if "not a readable image" in line] == [
        True,
        True,
    ]
    status, text = look("data.on_bad_image=skip")
    assert (status, row(text, "train", "good")[2]) == (0, "16")
    assert "skipped 2 images" in text


def test_images_of_8_bits_are_decoded_on_request(look: Look, folder: Path) -> None:
    file = folder / "train/good/000.png"
    Image.effect_noise((64, 64), 50).save(file)
    file.write_bytes(file.read_bytes()[:-500])  # its header is whole
    assert look()[0] == 0
    status, text = look("--decode")
    assert status == 1
    assert "! " in text
    assert "000.png is not a readable image" in text


def test_deep_images_are_read_for_their_depth(look: Look, folder: Path) -> None:
    for i, file in enumerate(
        sorted(folder.rglob("test/*/*.png")) + sorted(folder.rglob("train/*/*.png"))
    ):
        Image.fromarray(np.full((64, 64), 900 + i, np.uint16)).save(file)
    status, text = look()
    assert row(text, "train", "good")[-3:] == ["PNG", "10", "bits"]
    assert "are read as 10 bits (data.bit_depth)" in text
    assert status == 1  # every one of them is of one grey
    assert "have only one colour" in text


def test_noise_that_cannot_be_had_is_said(look: Look, folder: Path) -> None:
    for kind in (folder / "test").iterdir():
        if kind.name != "good":
            shutil.rmtree(kind)
    shutil.rmtree(folder / "ground_truth")
    status, text = look("noise=0.2")
    assert status == 1
    assert "! noise=0.2 needs defective images" in text
    assert look("noise=0")[0] == 0


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("data.root=/nowhere", "data.root=/nowhere is not a folder"),
        ("data.root=/a=b", "quote the value"),
        ("data=magic", "magic"),
        ("nosie=1", "nosie"),
        ("noise=2", "noise=2 is not allowed"),
        ("data.bit_depth=9", "data.bit_depth=9 is unknown"),
    ],
)
def test_a_refusal_is_one_line(look: Look, override: str, reason: str) -> None:
    status, text = look(override)
    assert status == 1
    assert text.startswith("irp_lightning: ")
    assert reason in text
    assert len(text.splitlines()) == 1


def test_the_question_is_asked_and_answered(look: Look, folder: Path) -> None:
    (folder / "test/good").rename(folder / "test/ok")
    status, text = look()
    assert (status, "set data.normal=ok if they are" in text) == (1, True)
    status, text = look("data.normal=ok")
    assert (status, row(text, "test", "good")[2]) == (0, "6")


def test_names_reach_a_pipe_that_is_no_utf_8(folder: Path, command: Command, tmp_path: Path) -> None:
    odd = folder / "train/good/Gr\udcfcn [bold].txt"
    try:
        odd.write_bytes(b"")
    except OSError as error:
        pytest.skip(f"this file system refuses the name: {error}")
    where = [f"data.root={folder.parent}", "data.category=fabric", f"cache_dir={tmp_path / 'cache'}"]
    result = command("inspect", *where, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert r"Gr\xfcn [bold].txt" in result.stdout
    assert not (tmp_path / "outputs").exists()


def test_a_folder_nobody_has_sorted_is_called_so(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = images / "fabric/train/good"
    main(["data=folder", f"data.root={folder}", "noise=0", f"cache_dir={tmp_path}"])
    out = capsys.readouterr().out
    assert "trains on 16 unlabelled and 0 trusted images, tests on no image" in out
    assert "unlabelled" in out.splitlines()[3]
