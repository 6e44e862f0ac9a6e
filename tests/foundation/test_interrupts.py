import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from irp_lightning.foundation.interrupts import until_it_is_imported


def heed_interrupts() -> None:
    """As a command in the foreground does: one in the background inherits that it ignores them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def heeded() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    heed_interrupts()
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("module", ["irp_lightning clean", "irp_lightning.run"])
def test_a_command_that_loads_its_libraries_is_interrupted_in_one_line(
    tmp_path: Path, module: str
) -> None:
    command = [sys.executable, "-X", "importtime", "-m", *module.split(), "here"]
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
    code = "from irp_lightning.foundation import interrupts as i; i.interrupted_in_one_line(); 1 / 0"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_who_only_imports_the_package_keeps_tracebacks() -> None:
    code = "import sys; before = sys.excepthook; import irp_lightning; print(sys.excepthook is before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n"


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
