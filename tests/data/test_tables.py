"""Tables that a user gives: read to their end or refused."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.data.tables import read_table
from irp_lightning.foundation.errors import WrongValue


def table(folder: Path, content: str | bytes) -> Path:
    file = folder / "t.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    return read_table("groups", file, ("path", "group"), "a CSV path,group")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("path;group\na;1\n", "has the columns path;group and needs path and group"),
        ("path,group,group\na,1,2\n", "has a column twice"),
        ("path,group\na,1,2,3\n", "has 4 values in line 2 and 2 columns"),
        ('path,group\na,"1\nb,1\nc,1\n', "is no CSV: line 4"),
        ("path,group\na," + "x" * 200_000, "is no CSV: line 2"),
        ("path,group\na,1\0\n", "holds zero bytes"),
        ("path,group\na,1\n".encode("utf-16"), "holds zero bytes"),
    ],
)
def test_what_cannot_be_read_whole_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(WrongValue, match=rf"^groups=\S+t.csv {reason}.*; give a CSV path,group$"):
        rows(table(tmp_path, content))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(WrongValue, match="is not a file"):
            rows(file)


def test_what_spreadsheets_leave_is_read(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfpath,group,\r\n"a, b.png","two\r\nlines",\r\n\r\nc.png\r\n'
    assert rows(table(tmp_path, content)) == [
        (3, {"path": "a, b.png", "group": "two\r\nlines", "": ""}),
        (5, {"path": "c.png", "group": "", "": ""}),
    ]


def test_names_that_are_no_utf_8_stay_apart(tmp_path: Path) -> None:
    found = rows(table(tmp_path, "path,group\na,Gr\xfcn\nb,Gr\xf6n\n".encode("latin-1")))
    assert len({row["group"] for _, row in found}) == 2


@given(content=st.binary(max_size=200))
def test_any_bytes_are_rows_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = table(tmp_path_factory.mktemp("any"), b"path,group\n" + content)
    with suppress(WrongValue):
        assert all(row.keys() == {"path", "group"} for _, row in rows(file))
