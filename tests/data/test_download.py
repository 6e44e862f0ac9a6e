"""Downloads of datasets, from a server on this machine: checked, resumed, and whole or not at all."""

import hashlib
import io
import os
import re
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from irp_lightning.data import archives
from irp_lightning.data.archives import Archive
from irp_lightning.data.config import DataConfig
from irp_lightning.data.download import fetch
from irp_lightning.data.survey import survey
from irp_lightning.foundation.errors import InputError

NAME = "images.tar.xz"


def png(grey: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (8, 8), grey).save(stream, "png")
    return stream.getvalue()


FILES = {
    "bottle/train/good/000.png": png(1),
    "bottle/test/hole/000.png": png(2),
    "readme.txt": os.urandom(300_000),  # so that a download has a middle
}


def tar(files: dict[str, bytes], *members: tarfile.TarInfo, mode: str = "w:xz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
        for member in members:
            packed.addfile(member)
    return stream.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return stream.getvalue()


@dataclass
class Server:
    """What is served, how, and what was asked for.

    Attributes:
        files: By path.
        ranges: Give parts of files.
        cut: Bytes after which the connection is closed; None: never.
        asked: Each request's path and Range.
        sent: Bytes of files.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cut: int | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    url: str = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append((self.path, wanted))
            if self.path not in state.files:
                self.send_error(404)
                return
            content, begin = state.files[self.path], 0
            if wanted and state.ranges:
                begin = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            part = content[begin:][: state.cut]
            self.wfile.write(part)
            state.sent += len(part)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_port}"
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def publish(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Archive]:
    """Put an archive on the server and into the table, as what ``mvtec`` reads."""

    def published(content: bytes, name: str = NAME, **others: object) -> Archive:
        server.files[f"/{name}"] = content
        digest = hashlib.sha256(content).hexdigest()
        archive = Archive(f"{server.url}/{name}", digest, len(content), "CC BY 4.0")
        archive = replace(archive, **others)
        monkeypatch.setitem(archives.ARCHIVES, "mvtec", archive)
        return archive

    return published


def config(root: Path, reader: str = "mvtec") -> DataConfig:
    chosen = DataConfig(reader, str(root), "bottle", "published", "none", 64, "none", "error")
    return replace(chosen, download=True)


def refusal(root: Path, reader: str = "mvtec") -> str:
    with pytest.raises(InputError) as caught:
        fetch(config(root, reader))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def left(folder: Path) -> set[str]:
    """What lies in a folder, but for the lock."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "datasets" / "MVTecAD"


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
    assert f"goes on at {have} of {archive.size} bytes" in message
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
    assert message.startswith(f"{tmp_path / 'file' / 'MVTecAD'} cannot be made of ")


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


# Archives that would write elsewhere


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member


EVIL = {
    "../escaped": tar(FILES | {"../escaped": b"x"}),
    "bottle/../../escaped": tar(FILES | {"bottle/../../escaped": b"x"}),
    "/tmp/escaped": tar(FILES | {"/tmp/escaped": b"x"}),
    "up": tar(FILES, link("up", "../../escaped")),
    "root": tar(FILES, link("root", "/etc")),
    "hard": tar(FILES, link("hard", "../../escaped", tarfile.LNKTYPE)),
    "device": tar(FILES, special("device", tarfile.CHRTYPE)),
    "pipe": tar(FILES, special("pipe", tarfile.FIFOTYPE)),
}


@pytest.mark.parametrize("name", list(EVIL))
def test_no_member_of_a_tar_leads_out(publish: Callable[..., Archive], root: Path, name: str) -> None:
    publish(EVIL[name])
    assert f"holds {name}, which is no file or folder inside it" in refusal(root)
    assert left(root.parent) == {NAME}
    assert not list(root.parent.parent.rglob("escaped"))


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "bottle/link"])
def test_no_member_of_a_zip_leads_out(publish: Callable[..., Archive], root: Path, name: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("bottle/train/good/000.png", png(1))
        member = zipfile.ZipInfo(name)
        member.external_attr = (stat.S_IFLNK if "link" in name else stat.S_IFREG) << 16
        packed.writestr(member, "/etc")
    publish(stream.getvalue(), "images.zip")
    assert f"holds {name}, which is no file or folder inside it" in refusal(root)
    assert left(root.parent) == {"images.zip"}
    assert not list(root.parent.parent.rglob("escaped"))


def test_a_file_that_is_no_archive(publish: Callable[..., Archive], root: Path) -> None:
    publish(b"x" * 1000)
    assert refusal(root).startswith(f"{root} cannot be made of {root.with_name(NAME)} (")
    assert left(root.parent) == {NAME}


def test_a_command_that_is_killed_while_it_unpacks_leaves_no_root(
    publish: Callable[..., Archive], root: Path
) -> None:
    packed = tar({f"bottle/train/good/{i:05d}.png": png(1) for i in range(4_000)}, mode="w")
    archive = publish(packed)
    root.parent.mkdir()
    (root.parent / NAME).write_bytes(packed)
    code = (
        "import sys; from irp_lightning.data import archives, download; "
        "from irp_lightning.data.config import DataConfig; from pathlib import Path; "
        f"archives.ARCHIVES['mvtec'] = archives.{archive!r}; "
        f"download.fetch(DataConfig('mvtec', {str(root)!r}, 'bottle', 'published', 'none', 64, 'none', "
        "'error', download=True))"
    )
    work = root.with_name(".MVTecAD.part")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (work / "bottle/train/good/00100.png").exists() and time.monotonic() < until:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert work.is_dir()
    assert not root.exists()
    fetch(config(root))
    assert len(contents(root)) == 4_000
    assert left(root.parent) == {"MVTecAD", NAME}


def test_the_table_names_whole_digests_and_licences() -> None:
    for archive in archives.ARCHIVES.values():
        assert re.fullmatch(r"[0-9a-f]{64}", archive.sha256)
        assert archive.licence.startswith("CC BY")
        assert archive.name in {"mvtec_anomaly_detection.tar.xz", "VisA_20220922.tar", "btad.zip"}
