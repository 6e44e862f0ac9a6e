"""Seconds per phase of a run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stopwatch"]


class Stopwatch:
    """Times phases: ``with watch("fit"): ...``.

    Attributes:
        seconds: Per phase that has ended.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str, happens: bool = True) -> Iterator[None]:
        """Time what is inside; where nothing ``happens``, no phase is noted."""
        began = time.perf_counter()
        yield
        if happens:
            self.seconds[phase] = round(time.perf_counter() - began, 3)
