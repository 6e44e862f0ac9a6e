"""Interrupts while a command loads its libraries, which takes seconds."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

__all__ = ["interrupted_in_one_line", "until_it_is_imported"]


def interrupted_in_one_line() -> None:
    """Have an interrupt that nobody catches end the process without a traceback, as SIGINT would."""

    def told(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("irp_lightning: interrupted", file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, where)

    sys.excepthook = told


@contextmanager
def until_it_is_imported() -> Iterator[None]:
    """Have an interrupt wait for the end of an import.

    Libraries in C that are interrupted half-way raise other errors, which say nothing.

    Raises:
        KeyboardInterrupt: At the end, if there was one.
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if before is not signal.default_int_handler or not is_main:
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
