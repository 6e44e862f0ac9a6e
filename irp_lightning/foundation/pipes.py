"""Commands whose reader goes away, as ``head`` does when it has enough."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["READER_LEFT", "until_the_reader_leaves"]

READER_LEFT = 141
"""The exit status then, as of a process that SIGPIPE ends."""


@contextmanager
def until_the_reader_leaves() -> Iterator[None]:
    """End the command without a traceback when nobody reads any more what it prints.

    Raises:
        SystemExit: With :data:`READER_LEFT`.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Nothing more can be printed, not even by what ends Python.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(READER_LEFT) from None
