import errno
import signal
import subprocess
import sys

import pytest

from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.foundation.errors import InputError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a=1 is wrong; give 2"), "irp_lightning: a=1 is wrong; give 2"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a"),
            "irp_lightning: /a: Permission denied; mend that or name another place, and the same "
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


@pytest.mark.parametrize(
    "arguments", [["bank", "--cache-dir", ".", "list"], ["inspect", "data=generated", "data.root=x"]]
)
def test_a_reader_that_is_gone_ends_it_too(arguments: list[str], tmp_path: object) -> None:
    script = '"$0" -m irp_lightning."$@" | (exec <&-; sleep 0.1); echo "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=str(tmp_path),
    )
    assert (done.stdout, done.stderr) == ("141\n", "")
