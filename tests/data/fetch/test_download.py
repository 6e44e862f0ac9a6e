"""Downloads of datasets, from a server on this machine: checked, resumed, and whole or not at all."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from archive_server import FILES, NAME, Server, config, contents, left, png, refusal, tar, zipped

from irp_lightning.data.audit.survey import survey
from irp_lightning.data.fetch.archives import Archive
from irp_lightning.data.fetch.download import fetch
from irp_lightning.foundation.errors import InputError


def test_a_run_reads_what_it_has_fetched(
    publish: Callable[..., Archive], server: Server, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = publish(tar(FILES))
    assert [s.name for s in survey(config(root)).samples] == ["train/good/000.png", "test/hole/000.png"]
    assert contents(root) == FILES
    assert left(root.parent) == {"MVTecAD", NAME}
    told = capsys.readouterr().out
    assert told.count("CC BY 4.0") == 1
    assert archive.url in told
    fetch(config(root))
    assert len(server.asked) == 1
    assert capsys.readouterr().out == ""


def test_nothing_is_fetched_unless_it_is_asked_for(server: Server, root: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        survey(replace(config(root), download=False))
    assert server.asked == []
    assert not root.parent.exists()


def test_a_root_that_is_there_stays_as_it_is(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    publish(tar(FILES))
    root.mkdir(parents=True)
    fetch(config(root))
    assert server.asked == []
    assert contents(root) == {}


@pytest.mark.parametrize("pack", [zipped, tar])
def test_a_single_folder_becomes_the_root(
    publish: Callable[..., Archive], root: Path, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    litter = {"__MACOSX/._top": b"x"}
    publish(pack({f"top/{name}": content for name, content in FILES.items()} | litter), "images.zip")
    fetch(config(root))
    assert contents(root) == FILES


def test_a_zip_of_several_folders_becomes_the_root(publish: Callable[..., Archive], root: Path) -> None:
    publish(zipped(FILES), "images.zip")
    fetch(config(root))
    assert contents(root) == FILES


# Digests


def test_an_archive_that_lies_there_is_taken(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    packed = tar(FILES)
    publish(packed)
    root.parent.mkdir()
    (root.parent / NAME).write_bytes(packed)
    fetch(config(root))
    assert contents(root) == FILES
    assert server.asked == []


def test_another_archive_that_lies_there_is_refused_and_kept(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    archive = publish(tar(FILES))
    other = tar({"bottle/train/good/000.png": png(9)})
    root.parent.mkdir()
    (root.parent / NAME).write_bytes(other)
    message = refusal(root)
    assert archive.sha256 in message
    assert hashlib.sha256(other).hexdigest() in message
    assert (root.parent / NAME).read_bytes() == other
    assert left(root.parent) == {NAME}
    assert server.asked == []


def test_a_download_with_another_digest_is_thrown_away(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    packed = tar(FILES)
    archive = publish(packed, sha256="0" * 64)
    message = refusal(root)
    assert archive.sha256 in message
    assert hashlib.sha256(packed).hexdigest() in message
    assert left(root.parent) == set()


def test_a_file_of_another_size_is_not_downloaded(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    archive = publish(tar(FILES))
    server.files[f"/{NAME}"] = b"<html>please log in</html>"
    message = refusal(root)
    assert f"it has 26 bytes there, and the published one {archive.size}" in message
    assert left(root.parent) == set()


# Downloads that were cut off


def test_a_download_that_was_cut_off_goes_on(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    archive = publish(tar(FILES))
    server.cut = 100_000
    message = refusal(root)
    assert left(root.parent) == {f"{NAME}.part"}
    have = (root.parent / f"{NAME}.part").stat().st_size
    assert 50_000 < have <= 100_000
    assert f"resumes at {have} of {archive.size} bytes" in message
    server.cut = None
    fetch(config(root))
    assert server.asked[-1] == (f"/{NAME}", f"bytes={have}-")
    assert server.sent == 100_000 + archive.size - have
    assert contents(root) == FILES
    assert left(root.parent) == {"MVTecAD", NAME}


def test_a_server_without_ranges_starts_anew(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    archive = publish(tar(FILES))
    server.ranges, server.cut = False, 100_000
    refusal(root)
    assert left(root.parent) == {f"{NAME}.part"}
    server.cut = None
    fetch(config(root))
    assert server.sent == 100_000 + archive.size
    assert contents(root) == FILES


def test_a_download_that_was_not_yet_checked_is_not_asked_for_again(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    packed = tar(FILES)
    publish(packed)
    root.parent.mkdir()
    (root.parent / f"{NAME}.part").write_bytes(packed)
    fetch(config(root))
    assert server.asked == []
    assert contents(root) == FILES


def test_a_damaged_part_is_thrown_away_and_the_next_command_has_it(
    publish: Callable[..., Archive], root: Path
) -> None:
    publish(tar(FILES))
    root.parent.mkdir()
    (root.parent / f"{NAME}.part").write_bytes(b"x" * 1000)
    assert "The same command tries again" in refusal(root)
    assert left(root.parent) == set()
    fetch(config(root))
    assert contents(root) == FILES


def test_commands_that_start_at_once_download_once(
    publish: Callable[..., Archive], server: Server, root: Path
) -> None:
    publish(tar(FILES))
    with ThreadPoolExecutor() as pool:
        list(pool.map(fetch, [config(root)] * 4))
    assert len(server.asked) == 1
    assert contents(root) == FILES


# What cannot be


def test_a_file_that_is_not_there(publish: Callable[..., Archive], server: Server, root: Path) -> None:
    archive = publish(tar(FILES))
    server.files.clear()
    message = refusal(root)
    assert message.startswith(f"{archive.url} could not be downloaded: 404")
    assert left(root.parent) == set()


def test_a_server_that_is_not_there(publish: Callable[..., Archive], root: Path) -> None:
    publish(tar(FILES), url="http://127.0.0.1:9/images.tar.xz")
    assert "http://127.0.0.1:9/images.tar.xz could not be downloaded: " in refusal(root)
    assert left(root.parent) == set()


def test_a_disk_that_is_too_small(publish: Callable[..., Archive], server: Server, root: Path) -> None:
    publish(tar(FILES), size=10**18)
    assert "GB free" in refusal(root)
    assert "needs 2000000000.0" in refusal(root)
    assert server.asked == []


def test_a_folder_that_cannot_be_made(publish: Callable[..., Archive], tmp_path: Path) -> None:
    publish(tar(FILES))
    (tmp_path / "file").write_bytes(b"x")
    message = refusal(tmp_path / "file" / "MVTecAD")
    assert message.startswith(f"{tmp_path / 'file' / 'MVTecAD'} cannot be unpacked from ")


@pytest.mark.parametrize(
    ("reader", "place"),
    [
        ("ksdd2", "www.vicos.si/resources/kolektorsdd2"),
        ("mvtec_ad2", "www.mvtec.com/company/research/datasets/mvtec-ad-2"),
        ("mtd", "github.com/abin24/Magnetic-tile-defect-datasets."),
    ],
)
def test_datasets_that_are_to_be_had_by_hand(root: Path, reader: str, place: str) -> None:
    message = refusal(root, reader)
    assert message.startswith("download=true cannot fetch")
    assert place in message
    assert not root.parent.exists()
    root.mkdir(parents=True)
    fetch(config(root, reader))


@pytest.mark.parametrize("reader", ["my_dataset.read", "generated"])
def test_a_reader_without_an_archive(root: Path, reader: str) -> None:
    message = refusal(root, reader)
    assert message.startswith("download=true fetches the datasets of mvtec, visa, btad")
    assert f"data.reader={reader}" in message
