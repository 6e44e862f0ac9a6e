"""Locks between processes."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["locked_folder"]

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
"""What a file system without locks answers, or one whose lock server is away."""


@contextmanager
def locked_folder(file: Path, *, wait: bool) -> Iterator[None]:
    """Keep other processes out of a folder; the lock goes with the process, however it ends.

    Args:
        file: The lock: a file in the folder, which is made if it is missing.
        wait: Wait for another process to end.

    Raises:
        InputError: Another process holds the lock, or the file system has no locks.
    """
    lock = FileLock(file, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{file.parent} is in use by another process; wait until it ends, or set another folder"
        ) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        file.unlink(missing_ok=True)
        raise InputError(
            f"{file.parent} is on a file system without locks ({one_line(error)}), such as a network "
            "drive whose lock service is down; start that service, or set a folder on a local disk"
        ) from error
    try:
        yield
    finally:
        lock.release()
