"""Runs that are less comparable than they look are said and not paired."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from irp_lightning.commands.compare import main
from irp_lightning.commands.run import run_composed as run
from irp_lightning.comparison.caveats import MOST, caveats
from irp_lightning.comparison.names import without_duplicates
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
    assert rows["irp", "vanilla"] == "2 classes × seeds (1 cell on other images)"
    assert rows["oracle", "vanilla"] == "3 classes × seeds"
    counts = {(r["method"], r["against"]): r["on_other_images"] for r in paired_table(runs).records}
    assert counts == {("irp", "vanilla"): 1, ("oracle", "vanilla"): 0, ("oracle", "irp"): 1}
    closed = {folder.name for folder in gap_closures(runs)}
    assert {"irp1", "irp2", "none0", "oracle0"} <= closed
    assert "irp0" not in closed


def test_cells_trained_on_other_images_are_said_and_not_paired(write_run, titled) -> None:
    for noise in (0.1, 0.2):
        for method in ("none", "irp"):
            added = method == "irp" and noise == 0.2
            dataset = {"tested": "a", "trained": f"{noise}{' and one more' if added else ''}"}
            write_run(f"{method}{noise}", method, noise=noise, dataset=dataset)
    (line,) = caveats(titled())
    assert line.startswith(
        "tile (mvtec, seed 0): 2 runs were trained at noise 0.2 on 2 sets of images (1, 1"
    )
    (row,) = paired_table(titled()).rows
    assert row[5].text == "1 classes × seeds (1 cell on other images)"


def test_runs_of_one_set_are_compared_without_a_word(write_run, titled) -> None:
    for method, noise in (("none", 0.1), ("irp", 0.1), ("irp", 0.2)):
        write_run(f"{method}{noise}", method, noise=noise, dataset={"tested": "a"})
    assert caveats(titled()) == []
    assert len(paired_table(titled()).rows) == 1


def test_older_runs_are_told_apart_by_how_many_images_they_were_tested_on(write_run, titled) -> None:
    for noise, images in ((0.1, 40), (0.2, 40), (0.3, 41)):
        write_run(f"{noise}", "irp", noise=noise, test_images=images)
    (line,) = caveats(titled())
    assert "2 sets of images (2, 1 runs)" in line


def test_methods_of_which_no_cell_pairs_are_said(write_run, titled) -> None:
    for noise in (0.1, 0.2):
        for method in ("none", "irp"):
            write_run(f"{method}{noise}", method, noise=noise, dataset={"tested": method})
    (row,) = paired_table(titled()).rows
    assert [entry.text for entry in row[3:]] == [
        *("irp", "vanilla", "0 classes × seeds (2 cells on other images)", "–", "–"),
        *("– fewer than 6 pairs", "–"),
    ]


@pytest.mark.parametrize(
    ("newer", "pairs"),
    [
        ({"irp": ("a", 40)}, "1 classes × seeds"),
        ({"irp": ("a", 41)}, "0 classes × seeds (1 cell on other images)"),
        # Which of two sets as large an older run saw cannot be told.
        ({"irp": ("a", 40), "osr": ("b", 40)}, "0 classes × seeds (1 cell on other images)"),
    ],
)
def test_an_older_run_pairs_with_newer_ones_of_as_many_images(
    newer: dict[str, tuple[str, int]], pairs: str, write_run, titled
) -> None:
    write_run("old", "none", test_images=40)
    for method, (tested, images) in newer.items():
        write_run(method, method, dataset={"tested": tested}, test_images=images)
    rows = {(row[3].text, row[4].text): row[5].text for row in paired_table(titled()).rows}
    assert {rows[method, "vanilla"] for method in newer} == {pairs}
    assert bool(caveats(titled())) == pairs.startswith("0")


def test_repetitions_with_other_images_or_figures_are_named(write_run, titled) -> None:
    write_run("a", dataset={"tested": "a"})
    write_run("b", dataset={"tested": "b"})
    write_run("c", dataset={"tested": "a"}, auroc=0.25)
    write_run("d", dataset={"tested": "a"})
    lines = [line for line in caveats(titled()) if "has the settings of" in line]
    assert len(lines) == 2
    assert "other images" in lines[0]
    assert "AUROC 0.2500 where that has" in lines[1]


def test_folders_that_are_read_otherwise_are_no_folder_that_changed(write_run, titled) -> None:
    write_run("a", dataset={"tested": "a"})
    write_run("b", dataset={"tested": "b"}, data__recursive=True)
    write_run("c", dataset={"tested": "c"}, data__normal=["ok"])
    write_run("d", dataset={"tested": "d"}, data__bit_depth=12)
    runs, repeated = without_duplicates(titled())
    assert (len(runs), repeated, caveats(runs)) == (4, [], [])


def test_masks_that_changed_between_cells_are_said_and_images_pair_all_the_same(
    write_run, titled, sweep: Path
) -> None:
    for method, masks, pixels in (
        *(("none", "a", 0.9), ("irp", "b", 0.8), ("osr", "b", 0.7)),
        *(("oracle", "c", None), ("irp_all", None, 0.6)),  # nothing measured; an older run
    ):
        dataset = {"tested": "t"} | ({"masks": masks} if masks else {})
        file = write_run(method, method, dataset=dataset) / "metrics.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"pixel_auroc": pixels}))
    (line,) = caveats(titled())
    assert line.startswith("tile (mvtec, seed 0): 3 runs were measured by 2 sets of masks (2, 1 runs)")
    assert {row[5].text for row in paired_table(titled()).rows} == {"1 classes × seeds"}


def test_what_falsifies_a_runs_figures_is_repeated_once(
    write_run, titled, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"kind": "pages", "count": 2, "text": "<b>2 pages</b>", "falsifies": True},
        {"kind": "bit_depth", "count": 2, "text": "fine", "falsifies": False},
    ]
    for seed in range(2):
        write_run(f"a{seed}", "irp", seed=seed, dataset={"remarks": rows})
    write_run("older", "irp", seed=2, dataset={"remarks": ["a line"]})
    for seed, other in enumerate([{"remarks": None}, {"remarks": 3}, [1], "bottle"], 3):
        write_run(f"other{seed}", "irp", seed=seed, dataset=other)
    assert len(titled()) == 7
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


@pytest.mark.slow
def test_real_runs_tell_a_folder_that_changed_from_one_that_moved(
    config, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, sweep = tmp_path / "images", tmp_path / "sweep"
    shutil.copytree(images, root)
    (tmp_path / "elsewhere").mkdir()

    def seen(name: str, refine: str, noise: float) -> dict[str, str]:
        metrics = run(
            config(
                *("model=gaussian", f"refine={refine}", f"data.root={root}", f"noise={noise}"),
                "localise=4",
            ),
            sweep / name,
        )
        return metrics["dataset"]

    def masks() -> list[Path]:
        return sorted((root / "fabric" / "ground_truth").glob("*/*.png"))

    def shown() -> str:
        main([str(sweep)])
        return capsys.readouterr().out

    first = seen("none", "none", 0.3)
    root = root.rename(tmp_path / "elsewhere" / "images")
    assert seen("irp", "irp", 0.1)["tested"] == first["tested"]
    assert seen("osr", "osr", 0.3)["trained"] == first["trained"]
    assert "sets of images" not in shown()
    assert "sets of masks" not in shown()
    kept = {file: file.read_bytes() for file in masks()}
    for file in kept:  # another pixel of each is marked
        with Image.open(file) as mask:
            other = mask.convert("L")
        other.putpixel((0, 0), 255 - other.getpixel((0, 0)))
        other.save(file)
    other = seen("irp_all", "irp_all", 0.3)
    assert other["tested"] == first["tested"]
    assert other["masks"] != first["masks"]
    assert "4 runs were measured by 2 sets of masks (3, 1 runs)" in shown()
    shutil.rmtree(sweep / "irp_all")
    for file, content in kept.items():
        file.write_bytes(content)
    Image.new("RGB", (64, 64), (90, 120, 90)).save(root / "fabric" / "train" / "good" / "added.png")
    again = seen("irp3", "irp", 0.3)
    assert again["tested"] == first["tested"]
    assert again["trained"] != first["trained"]
    assert "3 runs were trained at noise 0.3 on 2 sets of images (2, 1 runs)" in shown()
    Image.new("RGB", (64, 64), (90, 120, 90)).save(root / "fabric" / "test" / "good" / "added.png")
    assert seen("oracle", "oracle", 0.3)["tested"] != first["tested"]
    assert "5 runs were tested on 2 sets of images (4, 1 runs)" in shown()
