import csv
import re
from pathlib import Path

import pytest

from irp_lightning.comparison.curves import dataset_curves
from irp_lightning.comparison.export import as_latex, as_markdown, write_picture, write_table
from irp_lightning.comparison.table import Entry, Table
from irp_lightning.runs.folder import RunFolder

EVIL = r"a|b_c & 50 % of $x$ #1 {y} ~^\ <img src=x> `z`"


def table(name: str = EVIL) -> Table:
    return Table(
        name="evil",
        title=name,
        caption=name,
        columns=("name", "value"),
        rows=[[Entry(name), Entry("0.5 ± 0.1†", 0.5)], [Entry("sum"), Entry("–")]],
        columns_of_records=("name", "value"),
        records=[{"name": name, "value": 0.5}, {"name": "sum", "value": None}],
        notes=[name],
        strong=frozenset({1}),
        breaks=frozenset({1}),
    )


def test_markdown_keeps_its_columns() -> None:
    lines = as_markdown(table()).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 4
    # Pipes that are not escaped make columns.
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [3, 3, 3, 3]
    assert rows[1] == "| --- | ---: |"
    assert rows[3] == "| **sum** | **–** |"
    assert "<img" not in as_markdown(table())


def test_latex_is_balanced_and_escaped() -> None:
    text = as_latex(table())
    for kind in ("table", "tabular"):
        assert text.count(f"\\begin{{{kind}}}") == text.count(f"\\end{{{kind}}}") == 1
    body = text.replace("\\{", "").replace("\\}", "")
    assert body.count("{") == body.count("}")
    for line in text.splitlines()[1:]:
        assert not re.search(r"(?<!\\)[%#]", line)
        assert not re.search(r"(?<!\\)_", line)
        assert len(re.findall(r"(?<!\\)\$", line)) % 2 == 0
    rows = text[text.index("\\midrule") : text.index("\\bottomrule")].splitlines()
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows if row.endswith("\\\\")] == [1, 1]
    assert "\\textbf{sum} & \\textbf{--}" in text
    assert "0.5 $\\pm$ 0.1\\textsuperscript{\\dag}" in text


def test_a_backslash_is_not_escaped_twice() -> None:
    assert "a\\textbackslash{}b" in as_latex(table("a\\b"))


def test_csv_has_the_figures_unrounded(tmp_path: Path) -> None:
    write_table(RunFolder(tmp_path), table())
    with (tmp_path / "evil.csv").open(newline="") as stream:
        assert list(csv.DictReader(stream)) == [
            {"name": EVIL, "value": "0.5"},
            {"name": "sum", "value": ""},
        ]
    assert {file.name for file in tmp_path.iterdir()} == {"evil.csv", "evil.md", "evil.tex"}


def test_columns_that_say_one_thing_move_to_the_caption() -> None:
    both = table("x").without_constant("name", "value")
    assert list(both.columns) == ["name", "value"]
    one = Table("t", "t", "Caption.", ("a", "b"), [[Entry("1"), Entry("2")]], (), []).without_constant(
        "a"
    )
    assert (one.columns, one.caption) == (["b"], "A: 1. Caption.")


@pytest.mark.parametrize("category", ["tile", "$a_b$"])
def test_the_same_runs_give_the_same_svg(category: str, tmp_path: Path, write_run, titled) -> None:
    write_run("a", category=category)
    for name in ("one", "two"):
        picture = dataset_curves(titled())
        assert picture is not None
        write_picture(RunFolder(tmp_path / name), picture)
    one, two = ((tmp_path / name / "fig3.svg").read_text() for name in ("one", "two"))
    assert one == two
    assert (tmp_path / "one" / "fig3.png").read_bytes().startswith(b"\x89PNG")
