"""What commands print: readers that go away, as ``head`` does, and encodings that lack a letter."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["READER_LEFT", "escaped_output", "until_the_reader_leaves"]

READER_LEFT = 141
"""The exit status then, as of a process that SIGPIPE ends."""


@contextmanager
def until_the_reader_leaves() -> Iterator[None]:
    """End the command without a traceback when nobody reads any more what it prints.

    Raises:
        SystemExit: With :data:`READER_LEFT`.
    """
    try:
        with escaped_output():
            yield
            sys.stdout.flush()
    except BrokenPipeError:
        # Nothing more can be printed, not even by what ends Python.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(READER_LEFT) from None


@contextmanager
def escaped_output() -> Iterator[None]:
    r"""Print ``\u65e5`` for a letter that the output's encoding lacks, instead of ending in an error."""
    before = [
        (stream, stream.errors)
        for stream in (sys.stdout, sys.stderr)
        if isinstance(stream, io.TextIOWrapper)
    ]
    for stream, _ in before:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in before:
            stream.reconfigure(errors=errors)
