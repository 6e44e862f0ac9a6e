"""A file that exists is whole."""

from pathlib import Path

import pytest

from irp_lightning.foundation.atomic import write_whole


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
