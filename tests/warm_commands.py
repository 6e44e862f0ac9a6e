"""Commands in processes that have imported the libraries already: a server that forks one for each.

Some sixty tests start a command, and each would import torch for five seconds. The server imports once
and forks; a child is a process of its own, with its folder, its environment and its output.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["WarmCommands"]

IMPORTED = (
    "irp_lightning.__main__",
    *(
        f"irp_lightning.commands.{verb}"
        for verb in ("bank", "clean", "compare", "inspect", "predict", "run")
    ),
    "irp_lightning.pipeline.recipe",
    "irp_lightning.pipeline.prefill",
    "irp_lightning.comparison.report",
    "irp_lightning.detectors.prediction",
    "irp_lightning.localisation.heat_map_folder",
    "lightning.pytorch",
)


class WarmCommands:
    """Starts ``python -m irp_lightning VERB ARGUMENTS`` in forked processes."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )  # unbuffered: a line that was read ahead would not be seen by select

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end.

        Raises:
            subprocess.TimeoutExpired: It takes longer; it was killed.
        """
        with tempfile.TemporaryDirectory() as made:
            out, err = Path(made) / "out", Path(made) / "err"
            request = {
                "arguments": list(arguments),
                "cwd": str(cwd),
                "environment": dict(environment),
                "out": str(out),
                "err": str(err),
            }
            self._write(json.dumps(request))
            child = int(self._read())
            if not select.select([self._server.stdout], [], [], timeout)[0]:
                os.kill(child, signal.SIGKILL)
                self._read()
                raise subprocess.TimeoutExpired(list(arguments), timeout)
            status = int(self._read())
            return subprocess.CompletedProcess(
                list(arguments), status, out.read_text(errors="replace"), err.read_text(errors="replace")
            )

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _write(self, line: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(line.encode() + b"\n")

    def _read(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().decode()


def serve() -> None:
    """Import, then fork a child for each line of standard input; answer with its number and status."""
    import importlib

    for module in IMPORTED:
        importlib.import_module(module)
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        child = os.fork()
        if not child:
            _become(request)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(request: Mapping[str, object]) -> None:
    """Be the command: what a fresh interpreter would find, from the folder to standard output."""
    status = 1
    try:
        os.chdir(str(request["cwd"]))
        os.environ.clear()
        os.environ.update(request["environment"])  # type: ignore[call-overload]
        handles = (
            os.open(os.devnull, os.O_RDONLY),
            *(os.open(str(request[name]), os.O_WRONLY | os.O_CREAT, 0o600) for name in ("out", "err")),
        )
        for number, handle in enumerate(handles):
            os.dup2(handle, number)
        encoding = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")
        for stream, handler in ((sys.stdout, "strict"), (sys.stderr, "backslashreplace")):
            stream.reconfigure(encoding=encoding[0] or "utf-8", errors=encoding[2] or handler)  # type: ignore[union-attr]
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115
        sys.path.insert(0, str(request["cwd"]))
        sys.argv = ["irp_lightning", *request["arguments"]]  # type: ignore[misc]
        status = _run()
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status & 0xFF)


def _run() -> int:
    from irp_lightning.__main__ import main

    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


if __name__ == "__main__":
    serve()
