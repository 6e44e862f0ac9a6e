"""Declared values: checked, and what they say of a run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import (
    choice,
    file_name,
    flag,
    free,
    group,
    identity,
    load,
    nothing,
    number,
    path,
    plain,
    plugin,
    rest,
    text,
    unnamed,
    whole,
)


@dataclass(frozen=True)
class Inner:
    kind: str = choice("a", "b")
    where: str = path("none", says=file_name, named=False)


@dataclass(frozen=True)
class Outer:
    name: str = text()
    count: int = whole(1)
    share: float = number(0, 1, "a share", open_ends=True)
    on: bool = flag()
    inner: Inner = group(Inner)
    root: str = path(default="/r")
    rule: str = plugin("mine", default="mine")
    later: int = whole(0, 7)
    size: float | None = number(0, 9, "a size", 1.0, optional=True, says=nothing)


@dataclass(frozen=True)
class Open:
    known: int = whole(0)
    rest: dict[str, Any] = rest()


GOOD = {"name": "n", "count": 2, "share": 0.5, "on": True, "inner": {"kind": "a", "where": "none"}}


def test_what_is_right_is_loaded() -> None:
    found = load(Outer, GOOD)
    assert (found.name, found.count, found.later, found.inner.kind) == ("n", 2, 7, "a")
    assert load(Outer, plain(found)) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count=0 is not allowed; give a whole number of at least 1"),
        (
            {"count": 99999999999},
            "count=99999999999 is not allowed; give a whole number below 4294967296",
        ),
        ({"count": True}, "count=True is not allowed"),
        ({"count": 1.5}, "count=1.5 is not allowed"),
        ({"count": None}, "count=None is not allowed"),
        ({"share": 1}, "share=1 is not allowed; give a share"),
        ({"share": float("nan")}, "share=nan is not allowed"),
        ({"share": "x"}, "share=x is not allowed"),
        ({"name": " "}, "is not allowed; give a name or a path"),
        ({"on": 1}, "on=1 is unknown; choose one of: True, False"),
        ({"on": "yes"}, "on=yes is unknown"),
        ({"inner": {"kind": "c", "where": "x"}}, "inner.kind=c is unknown; choose one of: a, b"),
        ({"inner": {"kind": "a", "where": ""}}, "inner.where= is not allowed"),
        ({"inner": None}, "inner=None is not allowed"),
        ({"rule": "other"}, "rule=other is unknown; choose one of: mine, or name your own"),
        ({"rule": "."}, "rule=. is unknown"),
        ({"size": 10}, "size=10 is not allowed; give a size"),
        ({"name": ["n"]}, "name=['n'] is not allowed; give a name or a path"),
        ({"name": "n" * 256}, "is longer than a name can be, 255 bytes"),
        ({"name": "a\0b"}, "holds a zero byte"),
        ({"root": "~nosuchuser/x"}, "root=~nosuchuser/x names the home of an unknown user"),
        ({"root": "/x/" + "é" * 128}, "is longer than a name can be, 255 bytes"),
        ({"extra": 1}, "extra=1 is unknown; known are name"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongValue) as error:
        load(Outer, {**GOOD, **change})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_choice_is_what_was_declared_however_it_is_written() -> None:
    @dataclass(frozen=True)
    class Bits:
        depth: str | int = choice("auto", 8)

    found = [load(Bits, {"depth": written}).depth for written in (8, 8.0, "8")]
    assert found == [8, 8, 8]
    assert {type(depth) for depth in found} == {int}
    for wrong in (True, 8.5, "8.0", None, [8]):
        with pytest.raises(WrongValue, match="choose one of: auto, 8"):
            load(Bits, {"depth": wrong})


def test_what_is_missing_is_named() -> None:
    with pytest.raises(WrongValue, match=r"share=\?\?\? is not set"):
        load(Outer, {k: v for k, v in GOOD.items() if k != "share"})


def test_paths_are_absolute_and_words_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(Inner, {"kind": "a", "where": "b/../c.csv"}).where == str(tmp_path / "c.csv")
    assert load(Inner, {"kind": "a", "where": "~/c"}).where == os.path.expanduser("~/c")  # noqa: PTH111
    assert load(Inner, {"kind": "a", "where": "none"}).where == "none"


def test_the_same_run_elsewhere_says_the_same() -> None:
    here = {**GOOD, "inner": {"kind": "a", "where": "/x/g.csv"}, "size": 3}
    there = {**GOOD, "inner": {"kind": "a", "where": "/y/g.csv"}, "size": None}
    assert identity(Outer, here) == identity(Outer, there)
    assert identity(Outer, here)["inner.where"] == "g.csv"
    assert "size" not in identity(Outer, here)
    other = {**GOOD, "inner": {"kind": "a", "where": "/x/other.csv"}}
    assert identity(Outer, other) != identity(Outer, here)


def test_a_field_that_came_later_makes_no_stranger_of_what_was_before() -> None:
    assert identity(Outer, GOOD) == identity(Outer, {**GOOD, "later": 7})
    assert identity(Outer, GOOD) != identity(Outer, {**GOOD, "later": 8})
    assert identity(Outer, {**GOOD, "gone": 1}) == identity(Outer, GOOD)


def test_what_is_not_declared_says_something_where_it_is_taken() -> None:
    assert load(Open, {"known": 1, "x": 2}).rest == {"x": 2}
    assert identity(Open, {"known": 1, "x": 2}) == {"known": 1, "x": 2}
    assert plain(load(Open, {"known": 1, "x": 2})) == {"known": 1, "x": 2}


def test_what_stands_in_no_name() -> None:
    assert unnamed(Outer) == ["inner.where", "root", "size"]

    @dataclass(frozen=True)
    class Places:
        here: str = text(says=nothing)

    @dataclass(frozen=True)
    class Whole:
        places: Places = group(Places)

    assert unnamed(Whole) == ["places"]


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))
)
def test_any_value_is_taken_or_refused_in_one_line(value: Any) -> None:
    for field in ("name", "count", "share", "on", "rule", "later", "size"):
        try:
            found = load(Outer, {**GOOD, field: value})
        except WrongValue as error:
            named = error.field
        else:
            named = field if hasattr(found, field) else ""
        assert named == field


def test_a_check_of_ones_own() -> None:
    def even(value: Any) -> int:
        if value % 2:
            raise ValueError("is odd; give an even number")
        return int(value)

    @dataclass(frozen=True)
    class Even:
        n: int = free(even)

    assert load(Even, {"n": 4}).n == 4
    with pytest.raises(WrongValue, match="n=3 is odd; give an even number"):
        load(Even, {"n": 3})
