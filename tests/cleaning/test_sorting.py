"""Photographs put into folders: nothing is lost, whatever stops it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from irp_lightning.cleaning import sorting
from irp_lightning.commands.clean import main

pytestmark = pytest.mark.slow  # sorts cleaned folders


@pytest.fixture
def own(photos: Path, small_overrides: list[str], tmp_path: Path) -> tuple[Path, Callable[..., None]]:
    """A copy of the photographs that may be moved away, and the command that sorts them."""
    folder = shutil.copytree(photos, tmp_path / "photos")

    def command(*arguments: object) -> None:
        out = str(tmp_path / "out")
        main([str(folder), "--out", out, *map(str, arguments), *small_overrides])

    return folder, command


def contents(folder: Path) -> list[bytes]:
    return sorted(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_move_that_was_interrupted_goes_on(
    own: tuple[Path, Callable[..., None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, command = own
    before = contents(folder)
    move, left = sorting.HOW["move"], [5]

    def stopped(source: Path, to: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        move(source, to)

    monkeypatch.setitem(sorting.HOW, "move", stopped)
    with pytest.raises(SystemExit) as ended:
        command("--move", tmp_path / "to", "--yes")
    assert ended.value.code == 130
    assert len(contents(folder)) == len(before) - 5
    monkeypatch.setitem(sorting.HOW, "move", move)
    command("--move", tmp_path / "to", "--yes")
    assert contents(tmp_path / "to") == before
    command("--move", tmp_path / "to", "--yes")  # there is nothing left to do
    assert contents(tmp_path / "to") == before


def test_to_another_disk_a_photograph_goes_once_its_copy_is_whole(
    own: tuple[Path, Callable[..., None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, command = own
    before = contents(folder)
    command()

    def refused(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    def full(source: Path, to: Path) -> None:
        to.write_bytes(source.read_bytes()[:9])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", refused)
    with monkeypatch.context() as half:
        half.setattr(shutil, "copy2", full)
        with pytest.raises(SystemExit):
            command("--move", tmp_path / "to", "--yes")
    assert contents(folder) == before
    assert contents(tmp_path / "to") == []
    command("--move", tmp_path / "to", "--yes")
    assert contents(tmp_path / "to") == before


def test_a_link_is_moved_with_its_way_to_the_file(
    own: tuple[Path, Callable[..., None]], tmp_path: Path
) -> None:
    folder, command = own
    (tmp_path / "far").mkdir()
    (folder / "00.png").rename(tmp_path / "far/00.png")
    (folder / "00.png").symlink_to("../far/00.png")
    before = contents(folder)
    command("--move", tmp_path / "a/b/to", "--yes")
    assert contents(tmp_path / "a/b/to") == before


def test_photographs_of_a_table_are_found_from_anywhere(
    photos: Path, small_overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(photos, tmp_path / "in/photos")
    names = [file.name for file in sorted(photos.glob("[0-9]*.png"))]
    table = "\n".join(["image_path", *(f"photos/{name}" for name in names)])
    (tmp_path / "in/table.csv").write_text(table, encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    command = ["../in/table.csv", "--out", "../out", "--link", "../to", "--yes", *small_overrides]
    main(command)
    monkeypatch.chdir(tmp_path)
    assert len(contents(tmp_path / "to")) == len(names)


def test_an_underscore_stays_in_its_name(own: tuple[Path, Callable[..., None]], tmp_path: Path) -> None:
    folder, command = own
    (folder / "00.png").rename(folder / "_.png")
    command("--copy", tmp_path / "to", "--yes")
    assert len([f for f in (tmp_path / "to").rglob("*.png") if f.name[0] != "."]) == len(
        contents(folder)
    )
    assert not list((tmp_path / "to").rglob(".*"))


@pytest.mark.parametrize("place", ["photos", "photos/to", "file", "file/to", "lost"])
def test_what_is_no_place_for_photographs(
    own: tuple[Path, Callable[..., None]], tmp_path: Path, place: str
) -> None:
    folder, command = own
    before = contents(folder)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "lost").symlink_to("nowhere")
    with pytest.raises(SystemExit, match=r"is inside|is not a folder") as refused:
        command("--move", tmp_path / place, "--yes")
    assert "\n" not in str(refused.value)
    assert contents(folder) == before
    assert (tmp_path / "file").read_text() == "mine"
