"""A server of archives, small folders in published layouts, and one that a test may spoil."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from archive_server import NAME, Server
from PIL import Image
from published_layouts import split_csv, visa_rows, write

from irp_lightning.data.fetch import archives
from irp_lightning.data.fetch.archives import Archive


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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "datasets" / "MVTecAD"


@pytest.fixture
def folder(images: Path, tmp_path: Path) -> Path:
    """A copy of the small category that may be spoilt: 16 + 6 normal images, 4 of each defect."""
    return Path(shutil.copytree(images / "fabric", tmp_path / "data" / "fabric"))


@pytest.fixture
def btad(tmp_path: Path) -> Path:
    root = tmp_path / "BTech"
    for category, image, mask in (("01", "bmp", "png"), ("02", "png", "png"), ("03", "bmp", "bmp")):
        write(root / category, *(f"train/ok/{i:04d}.{image}" for i in range(3)))
        write(
            root / category, *(f"test/{kind}/{i:04d}.{image}" for kind in ("ok", "ko") for i in (0, 1))
        )
        write(root / category, *(f"ground_truth/ko/{i:04d}.{mask}" for i in (0, 1)), spot=255)
    return root


@pytest.fixture
def visa(tmp_path: Path) -> Path:
    root = tmp_path / "visa"
    rows = [row for category in ("candle", "pcb1") for row in visa_rows(category)]
    write(root, *(row[3] for row in rows))
    write(root, *(row[4] for row in rows if row[4]), spot=2)
    split_csv(root, rows)
    return root


@pytest.fixture
def mvtec_ad2(tmp_path: Path) -> Path:
    root = tmp_path / "MVTec_AD_2"
    write(root / "can", *(f"train/good/{i:03d}_regular.png" for i in range(3)))
    write(root / "can", *(f"validation/good/{i:03d}_regular.png" for i in range(2)))
    write(root / "can", *(f"test_public/{kind}/000_{x}.png" for kind in ("good", "bad") for x in "ab"))
    write(root / "can", *(f"test_public/ground_truth/bad/000_{x}_mask.png" for x in "ab"), spot=255)
    write(root / "can", *(f"test_private/{i:03d}.png" for i in range(4)), "test_private_mixed/000.png")
    write(root / "rice", "train/good/000_regular.png")
    return root


@pytest.fixture
def mtd(tmp_path: Path) -> Path:
    root = tmp_path / "MTD"
    write(root, *(f"MT_Free/Imgs/exp1_num_{i:02d}.jpg" for i in range(11)))
    for i in range(11):
        Image.new("L", (8, 12)).save(root / f"MT_Free/Imgs/exp1_num_{i:02d}.png")
    for kind in ("Blowhole", "Break", "Crack", "Fray", "Uneven"):
        write(root, *(f"MT_{kind}/Imgs/exp{i}_num_5.jpg" for i in (1, 2)))
        write(root, *(f"MT_{kind}/Imgs/exp{i}_num_5.png" for i in (1, 2)), spot=255)
    return root
