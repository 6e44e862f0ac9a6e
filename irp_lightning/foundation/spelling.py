"""Spelling of a setting in a command: ``key=value``, or the command's own argument."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["spellings", "spelt", "spelt_key"]

_OWN: ContextVar[Mapping[str, str]] = ContextVar("spellings")


@contextmanager
def spellings(own: Mapping[str, str]) -> Iterator[None]:
    """Write some settings otherwise in all messages that are made inside.

    Args:
        own: By key, how a value is given: ``--groups={}``; an argument without a value: ``--force``.
    """
    before = _OWN.set(own)
    try:
        yield
    finally:
        _OWN.reset(before)


def spelt(key: str, value: object) -> str:
    """A setting with its value, as the user of this command writes it.

    >>> spelt("noise", 0.3)
    'noise=0.3'
    >>> with spellings({"data.root": "DIR {}", "sweep.force": "--force"}):
    ...     spelt("data.root", "/photos"), spelt("sweep.force", "true")
    ('DIR /photos', '--force')
    """
    return _OWN.get({}).get(key, f"{key}={{}}").replace("{}", str(value))


def spelt_key(key: str, *, in_a_sweep: str = "") -> str:
    """A setting alone.

    Args:
        key: Its key in the configuration.
        in_a_sweep: The key that does the same in a sweep; a command with arguments of its own runs none.

    >>> spelt_key("hydra.run.dir", in_a_sweep="sweep.name")
    'hydra.run.dir, or sweep.name in a sweep'
    >>> with spellings({"data.root": "DIR {}"}):
    ...     spelt_key("data.root")
    'DIR'
    """
    own = _OWN.get({}).get(key)
    if own is not None:
        return own.partition("{}")[0].rstrip("= ")
    return f"{key}, or {in_a_sweep} in a sweep" if in_a_sweep else key
