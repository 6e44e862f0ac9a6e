"""Locks: others are kept out, and a file system without locks is named."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.locks import locked_folder
from irp_lightning.runs.folder import RunFolder


@pytest.fixture
def failing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that fail by an errno."""

    def flock(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("failing", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL], indirect=True)
def test_a_file_system_without_locks_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=f"^{tmp_path} is on a file system without locks .*local disk$"),
        locked_folder(tmp_path / ".lock", wait=True),
    ):
        pass
    with pytest.raises(InputError, match="without locks"), RunFolder(tmp_path / "run").locked():
        pass
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("failing", [errno.EIO], indirect=True)
def test_other_errors_are_the_systems(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output"), locked_folder(tmp_path / ".lock", wait=True):
        pass


def test_it_is_free_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            locked_folder(tmp_path / ".lock", wait=False),
            pytest.raises(InputError, match=f"{tmp_path} is in use by another process"),
            locked_folder(tmp_path / ".lock", wait=False),
        ):
            pass
