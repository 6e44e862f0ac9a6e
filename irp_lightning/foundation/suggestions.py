"""Suggestions for an unknown name."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant", "without_place"]


def meant(given: str, known: Iterable[str], remedy: str = "choose one of: {}") -> str:
    """The remedy for an unknown name: the nearest one that there is, or else all of them.

    Args:
        given: The unknown name.
        known: The names that there are.
        remedy: Introduces all names, where none is near.

    >>> meant("nosie", ["noise", "name"]), meant("x", ["noise", "name"])
    ('did you mean noise?', 'choose one of: noise, name')
    """
    names = list(known)
    near = get_close_matches(given, names, n=1)
    return f"did you mean {near[0]}?" if near else remedy.format(", ".join(names))


def without_place(override: str) -> str:
    """The refusal of a choice in a group that another choice does not take.

    >>> without_place("refine/scoring=mutual")
    'refine/scoring=mutual has no effect here: the chosen refine takes no scoring; leave it out'
    """
    key = override.partition("=")[0].lstrip("+")
    group, _, package = key.partition("@")
    above, _, part = (package or group).replace("/", ".").rpartition(".")
    return f"{override} has no effect here: the chosen {above} takes no {part}; leave it out"
