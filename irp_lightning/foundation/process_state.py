"""The state of a process that calls us from Python, as it was before."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import matplotlib
import numpy as np
import torch

__all__ = ["own_process_state"]

LOCK = threading.RLock()
"""Held by the thread that is inside: what is set there is the whole process's."""


def _unlocked_after_fork() -> None:
    """A child process does not inherit the thread that would release the lock."""
    global LOCK
    LOCK = threading.RLock()


os.register_at_fork(after_in_child=_unlocked_after_fork)


@contextmanager
def own_process_state() -> Iterator[None]:
    """Compute as in a process of our own, and leave the caller's as it was.

    Inside: float32 and the CPU are the defaults, gradients can be computed, nothing is cast, matplotlib
    has its own defaults. Afterwards: all that, and the generators of :mod:`random`, numpy and torch (CPU
    and CUDA), are as the caller had them.

    Generators and the default dtype are the whole process's. So one thread is inside at a time, others
    wait, and numbers that the caller's other threads draw meanwhile are not those of their own seed.
    """
    with LOCK, _generators(), ExitStack() as settings:
        settings.enter_context(_dtype(torch.float32))
        if torch.get_default_device().type != "cpu":  # a mode, which costs each call something
            settings.enter_context(torch.device("cpu"))
        settings.enter_context(torch.inference_mode(False))
        settings.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                settings.enter_context(torch.autocast(device, enabled=False))
        settings.enter_context(matplotlib.rc_context())
        matplotlib.rcdefaults()
        yield


@contextmanager
def _generators() -> Iterator[None]:
    """Have all global generators draw afterwards what they would have drawn."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        else:  # they begin with the CPU's seed, when CUDA is first used
            torch.cuda.manual_seed_all(torch.initial_seed())


@contextmanager
def _dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
