"""Declared values: what a field of a configuration may hold, and what it says about a run.

A group of values is a frozen dataclass; each field is made by one of the functions below. The type is
declared once, and read by :func:`load` (checks a mapping, gives the dataclass) and :func:`identity`
(what of a mapping tells one run from another).
"""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from pathlib import Path, PurePath
from typing import Any, TypeVar

from irp_lightning.foundation.errors import WrongValue, named
from irp_lightning.foundation.names import printable
from irp_lightning.foundation.suggestions import meant

__all__ = [
    "choice",
    "file_name",
    "flag",
    "free",
    "group",
    "identity",
    "load",
    "nothing",
    "number",
    "path",
    "plain",
    "plugin",
    "rest",
    "text",
    "unnamed",
    "whole",
]

Says = Callable[[Any], Any]
"""What a value says about the run: itself, a part of it, or nothing (:func:`nothing`)."""

LARGEST = 2**32
"""Whole numbers stay below it: what seeds may be, and more than any count needs."""

LONGEST = 255
"""Bytes that a file's or folder's name may have on the systems at hand."""

T = TypeVar("T")


def _itself(value: Any) -> Any:
    return value


def nothing(value: Any) -> None:
    """Of a field that says where or on what a run is computed, not what it is."""


def file_name(value: Any) -> Any:
    """Of a file or folder: the same one may lie elsewhere on another machine."""
    return PurePath(value).name if isinstance(value, str) else value


def _field(check: Callable[[Any], Any], default: Any, says: Says, named: bool | None = None) -> Any:
    named = says is not nothing if named is None else named
    return dataclasses.field(default=default, metadata={"check": check, "says": says, "named": named})


class _Wrong(Exception):
    """A value and what is wrong with it; :func:`load` adds the field's name."""


def choice(*allowed: Any, default: Any = MISSING, says: Says = _itself) -> Any:
    """One of a few values."""

    def check(value: Any) -> Any:
        for known in allowed:
            # The declared one is taken: 8.0 is 8, and what looks at its type must see a whole number.
            if isinstance(value, bool) == isinstance(known, bool) and value in (known, str(known)):
                return known
        raise _Wrong(f"is unknown; choose one of: {', '.join(map(str, allowed))}")

    return _field(check, default, says)


def plugin(*own: str, default: Any = MISSING) -> Any:
    """The name of something the project has, or ``module.name`` of something of the user's."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or (value not in own and "." not in value.strip(".")):
            raise _Wrong(
                f"is unknown; choose one of: {', '.join(own)}, or name your own as my_module.my_name"
            )
        return value

    return _field(check, default, _itself)


def flag(default: Any = MISSING, says: Says = _itself) -> Any:
    """True or false."""
    return choice(True, False, default=default, says=says)


def whole(
    lowest: int,
    default: Any = MISSING,
    *,
    optional: bool = False,
    says: Says = _itself,
    named: bool | None = None,
) -> Any:
    """A whole number from ``lowest`` to 2³² - 1; with ``optional`` also None."""

    def check(value: Any) -> int | None:
        if value is None and optional:
            return None
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or value < lowest:
            raise _Wrong(
                f"is not allowed; give a whole number of at least {lowest}"
                + (", or null" if optional else "")
            )
        if value >= LARGEST:
            raise _Wrong(f"is not allowed; give a whole number below {LARGEST}")
        return value

    return _field(check, default, says, named)


def number(
    low: float,
    high: float,
    wanted: str,
    default: Any = MISSING,
    *,
    open_ends: bool = False,
    optional: bool = False,
    says: Says = _itself,
    named: bool | None = None,
) -> Any:
    """A finite number from ``low`` to ``high``; ``wanted`` tells the user what to give."""

    def check(value: Any) -> float | None:
        if value is None and optional:
            return None
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not (low < value < high if open_ends else low <= value <= high):
            raise _Wrong(f"is not allowed; give {wanted}")
        return value

    return _field(check, default, says, named)


def _name(value: Any) -> str:
    if isinstance(value, bool | list | tuple | Mapping) or value is None or not str(value).strip():
        raise _Wrong("is not allowed; give a name or a path")
    name = str(value)
    if "\0" in name:
        raise _Wrong("holds a zero byte, which no name may; give a name or a path")
    if any(len(os.fsencode(part)) > LONGEST for part in PurePath(name).parts):
        raise _Wrong(f"is longer than a name can be, {LONGEST} bytes; give a name or a path")
    return name


def text(default: Any = MISSING, *, optional: bool = False, says: Says = str) -> Any:
    """A name: not empty; numbers count as their digits."""

    def check(value: Any) -> str | None:
        if value is None and optional:
            return None
        return _name(value)

    return _field(check, default, says)


def path(
    *words: str,
    default: Any = MISSING,
    optional: bool = False,
    says: Says = nothing,
    named: bool | None = None,
) -> Any:
    """A file or folder, made absolute (a link is not followed), or one of a few ``words``."""

    def check(value: Any) -> str | None:
        if value is None and optional:
            return None
        if (given := _name(value)) in words:
            return given
        try:
            return os.path.abspath(Path(given).expanduser())  # noqa: PTH100
        except RuntimeError:
            raise _Wrong("names the home of an unknown user; write the full path") from None

    return _field(check, default, says, named)


def free(check: Callable[[Any], Any] = _itself, default: Any = MISSING, says: Says = _itself) -> Any:
    """Anything; a ``check`` may raise ValueError with what is wrong with it and the remedy."""

    def checked(value: Any) -> Any:
        try:
            return check(value)
        except WrongValue:
            raise
        except ValueError as error:
            raise _Wrong(str(error)) from error

    return _field(checked, default, says)


def rest() -> Any:
    """All keys that are not declared: a dictionary. The field must be called ``rest``."""
    return dataclasses.field(default_factory=dict, metadata={"check": dict, "named": True})


def group(kind: type, *, optional: bool = False) -> Any:
    """A group of values within a group: a dataclass of its own; with ``optional`` also None."""
    return dataclasses.field(
        default=None if optional else MISSING, metadata={"group": kind, "optional": optional}
    )


def load(kind: type[T], values: Mapping[str, Any]) -> T:
    """Check a mapping against its declaration.

    Args:
        kind: A dataclass of the fields above. Its ``__post_init__`` may check fields against each other.
        values: By field name; what is not declared is refused, unless ``kind`` has :func:`rest`.

    Raises:
        WrongValue: A value is missing, unknown, of another type or out of its range.
    """
    found: dict[str, Any] = {}
    declared = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    others = {str(key): value for key, value in values.items() if key not in declared}
    if "rest" in declared:
        values = {**{k: v for k, v in values.items() if k in declared}, "rest": others}
    elif others:
        key = next(iter(others))
        raise WrongValue(key, others[key], f"is unknown; {meant(key, declared, 'known are {}')}")
    for name, field in declared.items():
        if name not in values:
            if field.default is MISSING and field.default_factory is MISSING:
                raise WrongValue(name, "???", "is not set; give a value")
            continue
        value = values[name]
        if "group" in field.metadata:
            if value is None and field.metadata["optional"]:
                found[name] = None
                continue
            if not isinstance(value, Mapping):
                raise WrongValue(name, value, f"is not allowed; choose one of the group {name}")
            with named(name):
                found[name] = load(field.metadata["group"], value)
            continue
        try:
            found[name] = field.metadata["check"](value)
        except _Wrong as error:
            raise WrongValue(name, value, str(error)) from None
    return kind(**found)


def identity(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a mapping that identifies a run, by dotted key: equal for equal runs.

    Nothing is checked. A field that is not there counts with its default: a version that adds one does
    not make strangers of runs that came before it. Undeclared keys say nothing, unless the group takes
    them (``rest``). A group with a method ``identity_of(values)`` answers itself.
    """
    if hasattr(kind, "identity_of"):
        return dict(kind.identity_of(values))
    said: dict[str, Any] = {}
    declared = {field.name for field in dataclasses.fields(kind)}
    for field in dataclasses.fields(kind):
        if field.name == "rest":
            said |= {str(key): value for key, value in values.items() if key not in declared}
            continue
        value = values.get(field.name, None if field.default is MISSING else field.default)
        if "group" in field.metadata:
            below = identity(field.metadata["group"], value if isinstance(value, Mapping) else {})
            said |= {f"{field.name}.{key}": item for key, item in below.items()}
        elif field.metadata["says"] is not nothing:
            said[field.name] = field.metadata["says"](value)
    return said


def unnamed(kind: type) -> list[str]:
    """The dotted keys that stand in no cell's name: where and on what a run is computed.

    Of a group that has no others, its own name.
    """
    found: list[str] = []
    for field in dataclasses.fields(kind):
        if "group" in field.metadata:
            below = unnamed(field.metadata["group"])
            whole_group = len(below) == len(dataclasses.fields(field.metadata["group"]))
            found += [field.name] if whole_group else [f"{field.name}.{key}" for key in below]
        elif not field.metadata["named"]:
            found.append(field.name)
    return found


def plain(values: Any) -> Any:
    """A loaded group as nested dictionaries and lists, as :func:`load` takes it and YAML holds it.

    Paths that are no UTF-8 are escaped: YAML has no place for them.
    """
    if dataclasses.is_dataclass(values):
        found = {f.name: plain(getattr(values, f.name)) for f in dataclasses.fields(values)}
        others = found.pop("rest", {})
        return {**found, **others}
    if isinstance(values, Mapping):
        return {key: plain(value) for key, value in values.items()}
    if isinstance(values, str):
        return printable(values)
    return [plain(value) for value in values] if isinstance(values, list | tuple) else values
