"""Archives of datasets and a server on this machine that has them."""

import io
import os
import tarfile
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PIL import Image

from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.download import fetch
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
