"""Exit handling of all commands."""

from collections.abc import Iterator
from contextlib import contextmanager

from irp_lightning.foundation.errors import InputError, refused_by_the_system
from irp_lightning.foundation.pipes import until_the_reader_leaves

__all__ = ["INTERRUPTED", "ends_in_one_line"]

INTERRUPTED = 130
"""The exit status then, as of a process that SIGINT ends."""


@contextmanager
def ends_in_one_line() -> Iterator[None]:
    """End a command without a traceback: by bad input, an interrupt, or a reader that goes away.

    Raises:
        SystemExit: With the line that says what is wrong, or with the status alone.
    """
    try:
        with refused_by_the_system(), until_the_reader_leaves():
            yield
    except InputError as error:
        raise SystemExit(f"irp_lightning: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
