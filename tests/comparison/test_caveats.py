"""Runs that are less comparable than they look are said and not paired."""

import json
from pathlib import Path

import pytest

from irp_lightning.compare import main
from irp_lightning.comparison.caveats import MOST, caveats
from irp_lightning.comparison.overview import gap_closures
from irp_lightning.comparison.paired import paired_table


def test_cells_tested_on_other_images_are_said_and_not_paired(write_run, titled) -> None:
    for seed in range(3):
        for method, auroc in (("none", 0.5), ("irp", 0.6), ("oracle", 0.7)):
            # Between the calls an image was added; the first seed was computed before.
            before = seed == 0 and method != "irp"
            dataset = {"tested": f"{'old' if before else 'new'}{seed}"}
            write_run(f"{method}{seed}", method, seed=seed, auroc=auroc, dataset=dataset)
    runs = titled()
    (line,) = caveats(runs)
    assert line.startswith("tile (mvtec, seed 0): 3 runs were tested on 2 sets of images (2, 1 runs)")
    rows = {(row[3].text, row[4].text): row[5].text for row in paired_table(runs).rows}
    assert rows["irp", "vanilla"] == "2 classes × seeds"
    assert rows["oracle", "vanilla"] == "3 classes × seeds"
    closed = {folder.name for folder in gap_closures(runs)}
    assert {"irp1", "irp2", "none0", "oracle0"} <= closed
    assert "irp0" not in closed


def test_runs_of_one_set_are_compared_without_a_word(write_run, titled) -> None:
    for method, noise in (("none", 0.1), ("irp", 0.1), ("irp", 0.2)):
        write_run(f"{method}{noise}", method, noise=noise, dataset={"tested": "a"})
    assert caveats(titled()) == []
    assert len(paired_table(titled()).rows) == 1


def test_older_runs_are_told_apart_by_how_many_images_they_were_tested_on(write_run, titled) -> None:
    for name, images in (("a", 40), ("b", 40), ("c", 41)):
        file = write_run(name, "irp", noise=0.1 * (1 + "abc".index(name))) / "metrics.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"test_images": images}))
    (line,) = caveats(titled())
    assert "2 sets of images (2, 1 runs)" in line


def test_what_falsifies_a_runs_figures_is_repeated_once(
    write_run, titled, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"kind": "pages", "count": 2, "text": "<b>2 pages</b>", "falsifies": True},
        {"kind": "depth", "count": 2, "text": "fine", "falsifies": False},
    ]
    for seed in range(2):
        write_run(f"a{seed}", "irp", seed=seed, dataset={"remarks": rows})
    write_run("older", "irp", seed=2, dataset={"remarks": ["a line"]})
    assert caveats(titled()) == ["tile (2 runs): <b>2 pages</b>"]
    main([str(sweep)])
    assert "! tile (2 runs): <b>2 pages</b>" in capsys.readouterr().out
    page = (sweep / "comparison" / "index.html").read_text(encoding="utf-8")
    assert "tile (2 runs): &lt;b&gt;2 pages&lt;/b&gt;" in page


def test_many_lines_are_cut_short(write_run, titled) -> None:
    for seed in range(MOST + 3):
        for method in ("none", "irp"):
            write_run(f"{method}{seed}", method, seed=seed, dataset={"tested": method})
    lines = caveats(titled())
    assert len(lines) == MOST + 1
    assert lines[-1] == "… and 3 more of this kind"
