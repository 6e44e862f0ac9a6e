import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from irp_lightning.foundation.interrupts import is_our_command, until_it_is_imported


def heed_interrupts() -> None:
    """As a command in the foreground does: one in the background inherits that it ignores them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def heeded() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    heed_interrupts()
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("module", ["clean", "run"])
def test_a_command_that_loads_its_libraries_is_interrupted_in_one_line(
    tmp_path: Path, module: str
) -> None:
    command = [sys.executable, "-X", "importtime", "-m", f"irp_lightning.{module}", "here"]
    started = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    )
    assert started.stderr is not None
    for line in started.stderr:
        if "omegaconf" in line:  # there is half a second to come
            started.send_signal(signal.SIGINT)
            break
    told = [line for line in started.stderr if not line.startswith("import time:")]
    assert started.wait() == -signal.SIGINT  # 130 in a shell
    assert told == ["irp_lightning: interrupted\n"]
    assert not list(tmp_path.iterdir())


def test_other_errors_have_their_traceback() -> None:
    code = "import sys; sys.argv[0] = 'irp-lightning'; import irp_lightning; 1 / 0"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize(
    ("argv", "orig_argv", "ours"),
    [
        (["-m"], ["python", "-u", "-m", "irp_lightning.run"], True),
        (["-m"], ["python", "-mirp_lightning.run"], True),
        (["/venv/bin/irp-lightning", "x"], ["python", "/venv/bin/irp-lightning", "x"], True),
        (["-m"], ["python", "-m", "theirs.train"], False),
        (["train.py"], ["python", "train.py"], False),
        ([], [], False),
    ],
)
def test_who_only_imports_the_package_keeps_tracebacks(
    argv: list[str], orig_argv: list[str], ours: bool
) -> None:
    assert is_our_command(argv, orig_argv) == ours


@pytest.mark.usefixtures("heeded")
def test_an_interrupt_waits_for_the_end_of_an_import() -> None:
    before = signal.getsignal(signal.SIGINT)
    done = []

    def imports() -> None:
        with until_it_is_imported():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        imports()
    assert done
    assert signal.getsignal(signal.SIGINT) is before
    with until_it_is_imported():
        pass
