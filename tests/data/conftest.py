"""A server of archives, for downloads and for what is unpacked."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from archive_server import NAME, Server

from irp_lightning.data import archives
from irp_lightning.data.archives import Archive


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
