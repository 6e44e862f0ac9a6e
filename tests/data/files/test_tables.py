"""Tables that a user gives: read to their end or refused."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.cleaning.suspects import CLEAN_COLUMNS, SUSPECT_COLUMNS
from irp_lightning.data.files.tables import Table, read_table
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.runs.folder import csv_text


def table(folder: Path, content: str | bytes) -> Path:
    file = folder / "t.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    return read(file).rows


def read(file: Path) -> Table:
    return read_table("groups", file, ("path", "group"), "a CSV path,group")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("path;group\na;1\n", "has the columns path;group and needs path and group"),
        ("path,group,group\na,1,2\n", "has a column twice"),
        ("path,group, Group\na,1,2\n", "has a column twice"),
        ("path,group\na,1,2,3\n", "has 4 values in line 2 and 2 columns"),
        ('path,group\na,"1\nb,1\nc,1\n', "is not a CSV: line 4"),
        ("path,group\na," + "x" * 200_000, "is not a CSV: line 2"),
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
    content = b'\xef\xbb\xbfpath,group,,\r\n"a, b.png","two\r\nlines",\r\n\r\n,,,\r\nc.png\r\n'
    found = read(table(tmp_path, content))
    assert [(line, row["path"], row["group"]) for line, row in found.rows] == [
        (3, "a, b.png", "two\r\nlines"),
        (6, "c.png", ""),
    ]
    assert not found.unread(["path", "group"])


@pytest.mark.parametrize(
    "header",
    ["path,group", "Path,GROUP", "path, group", " path ,\tgroup", '"Path",Group ', "\ufeffPATH,group"],
)
def test_a_header_may_be_spelt_otherwise(tmp_path: Path, header: str) -> None:
    space = " " if ", " in header else ""
    found = rows(table(tmp_path, f'{header}\n"a, b",{space}"1, 2"\nc,{space}3\n'))
    assert [(row["path"], row["group"]) for _, row in found] == [("a, b", "1, 2"), ("c", "3")]


def test_columns_that_nobody_reads_are_named(tmp_path: Path) -> None:
    found = read(table(tmp_path, "Path,group,Camera,score,empty,\na,1,left,0.5,,7\n"))
    (remark,) = found.unread(["path", "group"])
    assert remark.text == "columns of t.csv that are not read: Camera, one without a name"
    assert (remark.count, remark.falsifies) == (2, False)
    (remark,) = found.unread(["path"], {"camera": "lens", "group": "path"})
    assert remark.text.endswith("; call Camera lens if it should count")
    assert remark.falsifies


def test_columns_that_cleaning_writes_come_back_in_silence(tmp_path: Path) -> None:
    for columns, known in (
        (CLEAN_COLUMNS, ("image_path", "label_index", "split")),
        (SUSPECT_COLUMNS, ("path",)),
    ):
        row = ",".join("1" for _ in columns)
        file = table(tmp_path, f"{','.join(columns)}\n{row}\n")
        assert not read_table("root", file, known, "").unread(known)


def test_a_table_too_large_for_memory_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(WrongValue, match=r"t\.csv has 1024\.0 GiB, and a table may have 1; give a CSV"):
        rows(tmp_path / "t.csv")


@given(name=st.text(min_size=1).filter(str.strip), group=st.text())
def test_what_tables_write_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, group: str
) -> None:
    text = csv_text(("path", "group"), [{"path": name, "group": group}])
    if "\0" in text:
        return
    ((_, row),) = rows(table(tmp_path_factory.mktemp("back"), text))
    assert row == {"path": name, "group": group}


def test_names_that_are_no_utf_8_stay_apart(tmp_path: Path) -> None:
    found = rows(table(tmp_path, "path,group\na,Gr\xfcn\nb,Gr\xf6n\n".encode("latin-1")))
    assert len({row["group"] for _, row in found}) == 2


@given(content=st.binary(max_size=200))
def test_any_bytes_are_rows_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = table(tmp_path_factory.mktemp("any"), b"path,group\n" + content)
    with suppress(WrongValue):
        assert all(row.keys() == {"path", "group"} for _, row in rows(file))
