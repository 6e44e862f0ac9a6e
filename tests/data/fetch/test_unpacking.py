"""Archives that would write elsewhere, that are none, or that are half unpacked."""

import io
import re
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_server import FILES, NAME, config, contents, left, png, refusal, tar

from irp_lightning.data.fetch import archives
from irp_lightning.data.fetch.archives import Archive
from irp_lightning.data.fetch.download import fetch


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
    assert refusal(root).startswith(f"{root} cannot be unpacked from {root.with_name(NAME)} (")
    assert left(root.parent) == {NAME}


def test_a_command_that_is_killed_while_it_unpacks_leaves_no_root(
    publish: Callable[..., Archive], root: Path
) -> None:
    packed = tar({f"bottle/train/good/{i:05d}.png": png(1) for i in range(4_000)}, mode="w")
    archive = publish(packed)
    root.parent.mkdir()
    (root.parent / NAME).write_bytes(packed)
    code = (
        "import sys; from irp_lightning.data.fetch import archives, download; "
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
