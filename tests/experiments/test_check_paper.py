"""The paper's figures are the paper's, and what is said of them can be computed."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments" / "paper"))

import check_paper as paper
from common.tables import read_rows
from published import PUBLISHED, counts


def rows(part: str) -> list[dict[str, str]]:
    return read_rows(paper.HERE / f"{part}.csv")


def test_tables_have_every_cell_and_name_their_source() -> None:
    assert len(rows("table1")) == 10 + 5
    assert len(rows("table2")) == 7 * 6
    for part in ("table1", "table2", "fig3", "fig4"):
        assert {row["source"] for row in rows(part)} == {"Table 2" if part == "table2" else "Table 1"}
    auroc = paper.table1()
    assert auroc["Cable"].tolist() == [0.9288, 0.8368, 0.8560, 0.6756, 0.5716, 0.4604]
    assert auroc["IRP on KSDD2"][-1] == 0.8967
    assert auroc["Standard Deviation"].tolist() == [0.0246, 0.0149, 0.0086, 0.0518, 0.0777, 0.1099]
    assert paper.table2()["pill", "0.1"] == (9, 8)


@pytest.mark.parametrize("part", ["fig3", "fig4"])
def test_figures_have_no_numbers_but_the_tables(part: str) -> None:
    known = [[row[n] for n in paper.NOISES] for row in rows("table1")]
    for row in rows(part):
        assert [row[n] for n in paper.NOISES] in known


def test_every_figure_is_in_the_paper(shared: Path) -> None:
    text = (shared / "paper.txt").read_text(encoding="utf-8")
    lines = [re.sub(r"<.?b>|\$|\\pm", "", line).split("\t") for line in text.splitlines()]
    found = {line[-7].strip(): [c.strip() for c in line[-6:]] for line in lines if len(line) >= 7}
    for row in rows("table1"):
        assert found[row["entity"]] == [row[n] for n in paper.NOISES]
    removed = [line[1:] for line in lines if len(line) == 15 and line[0].endswith("%")]
    ours = rows("table2")
    for noise, printed in zip(paper.NOISES, removed, strict=True):
        assert printed == [row[k] for row in ours if row["noise"] == noise for k in ("good", "bad")]


def test_the_irp_row_is_the_mean_of_the_classes_cut_to_four_digits() -> None:
    auroc = paper.table1()
    classes = np.stack([auroc[row["entity"]] for row in rows("table1") if row["category"] == "Classes"])
    assert paper.cut_equals(classes.mean(axis=0), auroc["IRP on MVTec-AD"])
    assert not paper.cut_equals(classes.mean(axis=0), auroc["OSR"])


def test_the_standard_deviations_are_of_no_rows() -> None:
    auroc = paper.table1()
    printed = auroc.pop("Standard Deviation")
    off, _, tried = paper.nearest_statistic(auroc, printed)
    assert off > 10 * paper.ROUNDING
    assert tried == len(paper.STATISTICS) * (2**14 - 14 - 1)
    # The search does find a row that is a spread of others.
    some = {name: auroc[name] for name in ("Tile", "Bottle", "OSR", "Vanilla")}
    spread = np.stack([some["Tile"], some["OSR"], some["Vanilla"]]).std(axis=0, ddof=1).round(4)
    off, what, _ = paper.nearest_statistic(some, spread)
    assert off < paper.ROUNDING
    assert what == "sample sd of Tile, OSR, Vanilla"


def test_more_defects_are_removed_than_half_of_the_defects_at_ten_percent() -> None:
    found = {reading: paper.more_removed_than_there_are(reading) for reading in paper.READINGS}
    assert found.pop("fraction of half of the defects") == [
        ("cable", "0.1", 7, 5),
        ("metal_nut", "0.1", 8, 5),
        ("capsule", "0.2", 12, 11),
        ("metal_nut", "0.2", 11, 10),
    ]
    assert not any(found.values())


def test_published_sizes_add_up() -> None:
    ten = {name: c for name, c in PUBLISHED.items() if name != "ksdd2"}
    assert [c.defective for c in ten.values()] == [63, 92, 109, 89, 92, 93, 141, 119, 84, 119]
    assert sum(c.defective for c in ten.values()) == 1001
    assert PUBLISHED["ksdd2"].images == 2085 + 246 + 894 + 110


def test_counts_are_those_of_a_run() -> None:
    assert counts("bottle", "share", 0.0).train == 209
    half = counts("bottle", "share", 0.5)
    assert (half.train, half.injected) == (62, 31)
    pool = counts("bottle", "pool", 0.5)
    assert (pool.train, pool.injected) == (209 + 16, 16)
    assert counts("ksdd2", "share", 0.1).test == 894 + 110
