"""Errors that mean: the user can mend this."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from irp_lightning.foundation.names import printable
from irp_lightning.foundation.spelling import spelt

__all__ = ["InputError", "WrongValue", "named", "one_line", "refused_by_the_system"]

FAULTS = frozenset(
    {errno.EBADF, errno.ECHILD, errno.EDOM, errno.EFAULT, errno.EINVAL, errno.ENOEXEC, errno.ENOTSOCK}
    | {errno.ENOTTY, errno.EPIPE, errno.ERANGE, errno.ESPIPE, errno.ESRCH}
)
"""What a program does wrong, unless the error names a file. Whatever else the system refuses, somebody
who looks after the machine can mend, and no traceback explains."""


class InputError(ValueError):
    """Bad input: a value, a file or a folder that the user gave.

    The message is one line that names the value, the reason and the remedy. The command line prints
    it without a traceback and exits with a status other than 0.

    Args:
        message: The line; names in it may hold anything that names can.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class WrongValue(InputError):
    """A configuration's value that cannot be used; the message begins with ``field=value``.

    Where the command has an argument of its own for it, it begins with that: see
    :func:`irp_lightning.foundation.spelling.spelt`.

    Whoever raises it knows the field and not the group that the field belongs to: :func:`named` puts
    the group in front, ``root=…`` becomes ``data.root=…``.

    Args:
        field: The value's name within its group.
        value: What was given.
        reason: Why it cannot be used, and the remedy.
    """

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"{spelt(field, value)} {reason}")
        self.field, self.value, self.reason = field, value, reason

    def __reduce__(self) -> tuple[type, tuple[str, object, str]]:  # launchers send errors home
        return WrongValue, (self.field, self.value, self.reason)


@contextmanager
def named(group: str) -> Iterator[None]:
    """Name the group of the values that are complained about inside."""
    try:
        yield
    except WrongValue as error:
        raise WrongValue(f"{group}.{error.field}", error.value, error.reason) from error


@contextmanager
def refused_by_the_system() -> Iterator[None]:
    """Report in one line what the system refuses: a folder without permission, a full disk.

    Raises:
        InputError: In place of an OSError, unless it means a fault in the program (:data:`FAULTS`).
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or (error.errno in FAULTS and error.filename is None):
            raise
        place = "" if error.filename is None else f"{error.filename}: "
        raise InputError(
            f"{place}{error.strerror}; fix that or choose another place, and the same command resumes"
        ) from error


def one_line(error: object, longest: int | None = None) -> str:
    r"""An error's message in one line, or its type if there is no message.

    >>> one_line(ValueError("two\n  lines")), one_line(KeyboardInterrupt())
    ('two lines', 'KeyboardInterrupt')
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__
