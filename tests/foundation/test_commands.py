import errno
import io
import signal
import subprocess
import sys

import pytest
from rich.table import Table
from tqdm import tqdm

from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.summary import print_wide


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a=1 is wrong; give 2"), "irp_lightning: a=1 is wrong; give 2"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a"),
            "irp_lightning: /a: Permission denied; fix that or choose another place, and the same "
            "command resumes",
        ),
        (KeyboardInterrupt(), 128 + signal.SIGINT),
    ],
)
def test_what_a_user_can_mend_ends_a_command_in_one_line(error: BaseException, code: int | str) -> None:
    with pytest.raises(SystemExit) as stopped, ends_in_one_line():
        raise error
    assert stopped.value.code == code


def test_what_nobody_expects_is_raised() -> None:
    with pytest.raises(ZeroDivisionError), ends_in_one_line():
        raise ZeroDivisionError


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["bank", "--cache-dir", ".", "list"], ["inspect", "data=generated", "data.root=x"]]
)
def test_a_reader_that_is_gone_ends_it_too(arguments: list[str], tmp_path: object) -> None:
    script = '"$0" -m irp_lightning "$@" | (exec <&-; sleep 0.1); echo "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=str(tmp_path),
    )
    assert (done.stdout, done.stderr) == ("141\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_the_encoding_lacks_is_escaped_and_the_command_goes_on(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(stream, encoding, write_through=True) for stream in raw)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    table = Table("name")
    table.add_row("\u65e5.png")
    with ends_in_one_line():
        print("\u65e5.png")
        print_wide(table)
        for _ in tqdm([1], desc="\u65e5"):
            pass
    shown = [stream.getvalue().decode(encoding) for stream in raw]
    assert shown[0].count(r"\u65e5.png") == 2
    assert r"\u65e5" in shown[1]
    assert (out.errors, err.errors) == ("strict", "strict")
