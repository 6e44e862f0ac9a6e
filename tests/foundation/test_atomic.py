"""A file that exists is whole."""

import errno
import os
from pathlib import Path

import pytest

from irp_lightning.foundation.atomic import remove_partial_files, write_whole


@pytest.mark.parametrize("sync", [True, False])
def test_it_is_there_only_when_it_is_whole(tmp_path: Path, sync: bool) -> None:
    file = tmp_path / "new" / "a.png"

    def save(path: Path) -> None:
        path.write_text("half")
        assert path.suffix == ".png"  # what Pillow goes by
        assert path.name.startswith(".")
        assert not file.exists()
        path.write_text("whole")

    write_whole(file, save, sync=sync)
    assert file.read_text() == "whole"
    assert [p.name for p in file.parent.iterdir()] == ["a.png"]


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("before")

    def save(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(file, save)
    assert file.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_write_names_the_file(tmp_path: Path) -> None:
    def save(path: Path) -> None:
        with path.open("wb") as stream:
            os.write(stream.fileno(), b"half")
            raise OSError(errno.EFBIG, "File too large")  # as write(2) fails: without a name

    with pytest.raises(OSError, match="File too large") as caught:
        write_whole(tmp_path / "a.txt", save)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "a.txt"))


def test_what_a_kill_leaves_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = []

    def killed(path: Path) -> None:
        path.write_text("half")
        name = path.name
        left.append(path.with_name(f".{name[2:9]}{name[1]}{name[9:]}"))  # such a name, which stays
        os.link(path, left[-1])

    for name in ("a.png", "a"):
        write_whole(tmp_path / name, killed)
    others = [tmp_path / name for name in (".part", "x.part.png", ".notes.part", ".0123456789.part.png")]
    for file in others:
        file.write_text("mine")
    assert all(file.exists() for file in left)
    remove_partial_files(tmp_path)
    remove_partial_files(tmp_path / "none")
    assert {file.name for file in tmp_path.iterdir()} == {"a.png", "a", *(file.name for file in others)}
