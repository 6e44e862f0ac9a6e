"""The reproduction kit: its commands, their cells, and a run of it on small generated images."""

import json
import math
import os
import random
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

PAPER = Path(__file__).parents[2] / "experiments" / "paper"
sys.path.insert(0, str(PAPER))

import cost  # noqa: E402
import grid  # noqa: E402
import reproduce  # noqa: E402
from paper_cells import commands, planned  # noqa: E402
from published import counts  # noqa: E402

from irp_lightning.comparison.names import with_titles  # noqa: E402
from irp_lightning.comparison.runs import read_runs  # noqa: E402
from irp_lightning.foundation.fields import plain  # noqa: E402
from irp_lightning.sweeps.cells import cell_name  # noqa: E402

pytestmark = pytest.mark.slow  # runs studies

REPO = PAPER.parents[1]
CELLS = {"table1": 558, "table2": 126, "fig3": 594, "fig4": 180, "fig5": 42}


def kit(*arguments: str, cwd: Path = REPO) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PAPER / "reproduce.py"), *arguments],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@cache
def names(part: str) -> set[str]:
    return {cell_name(cell) for cell in planned(part)}


def test_a_dry_run_needs_no_data_and_leaves_nothing(tmp_path: Path) -> None:
    result = kit("fig4", "--dry-run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for command in commands("fig4"):
        assert f"python -m irp_lightning.run -m {shlex.join(command)}\n" in result.stdout
    assert "| fig4 | 180 |" in result.stdout
    assert "calculated, a floor" in result.stdout
    assert not list(tmp_path.iterdir())


def dry_run(part: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(REPO)
    monkeypatch.setattr(sys, "argv", ["reproduce.py", part, "--dry-run"])
    with pytest.raises(SystemExit) as end:
        reproduce.main()
    assert end.value.code == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("part", grid.PARTS)
def test_the_readme_has_what_the_dry_run_prints(
    part: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    title, *lines = dry_run(part, capsys, monkeypatch)
    assert title == grid.PARTS[part].title
    commands = [line for line in lines if line.startswith("python")]
    assert len(commands) == len(grid.PARTS[part].datasets) + 1
    if part != "table1":  # the README shows the commands of one part
        lines = [line for line in lines if line not in commands]
    readme = (PAPER / "README.md").read_text(encoding="utf-8").splitlines()
    assert any(f"| {CELLS[part]} |" in line for line in lines)
    missing = [line for line in lines if line not in readme]
    assert not missing, "run the dry run again and copy what it prints"


@pytest.mark.parametrize("part", grid.PARTS)
def test_cells_are_the_product_of_the_grid(part: str) -> None:
    of = grid.PARTS[part]
    product = sum(
        math.prod(map(len, (of.noise, of.seed, *dataset.values()))) for dataset in of.datasets.values()
    )
    assert len(names(part)) == product == CELLS[part]
    assert len(planned(part)) == product


def test_parts_share_their_cells() -> None:
    everything = names("fig3")
    for part in ("table1", "table2", "fig4", "fig5"):
        assert names(part) <= everything
    assert names("fig5") < names("table2") < names("table1")
    where = {text for command in commands("fig3") for text in command if text.startswith("hydra.sweep")}
    assert where == {"hydra.sweep.dir=outputs/paper"}


def test_every_cell_is_the_papers_run() -> None:
    for command in commands("fig3"):
        cells = grid.cells(command)
        for cell in (cells[0], cells[len(cells) // 2], cells[-1]):
            e = reproduce.experiment(*(text for text in cell if not text.startswith("hydra")))  # checked
            assert (e.data.category, e.seed) == (
                values(cell)["data.category"],
                int(values(cell)["seed"]),
            )
            assert e.sweep.name == "paper"
        for cell in cells:
            e = reproduce.composed(reproduce.unvaried(cell))
            assert (e.model.name, e.backbone.name, e.epochs) == ("differnet", "alexnet", 400)
            assert e.batch_size == 96


def values(cell: list[str]) -> dict[str, str]:
    return dict(text.lstrip("+").split("=", 1) for text in cell)


def training_images(cell: list[str]) -> int:
    of, e = values(cell), reproduce.composed(reproduce.unvaried(cell))
    return counts(of["data.category"], e.contamination.kind, float(of["noise"])).train


def test_where_images_are_fewer_than_a_batch_an_epoch_is_one_step() -> None:
    # Which cells these are, the README says.
    small = [cell for cell in planned("fig3") if training_images(cell) < 96]
    half = ("bottle", "cable", "carpet", "leather", "metal_nut", "tile")
    assert {(values(cell)["data.category"], values(cell)["noise"]) for cell in small} == {
        ("bottle", "0.4"),
        *((name, "0.5") for name in half),
    }
    assert {reproduce.work(cell, None)[0].steps for cell in small} == {400}


def test_a_table_is_of_one_detector_and_averages_ten_classes(tmp_path: Path) -> None:
    rng = random.Random(0)
    for number, cell in enumerate(planned("table1", "seed=0")):
        folder = tmp_path / str(number)
        folder.mkdir()
        of, config = values(cell), plain(reproduce.composed(reproduce.unvaried(cell)))
        config["data"]["category"] = of["data.category"]
        config["noise"], config["seed"] = float(of["noise"]), int(of["seed"])
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        metrics = {
            "status": "complete",
            "image_auroc": rng.random(),
            "noise_requested": config["noise"],
            "noise_achieved": config["noise"],
            "train_images": 100,
            "removed_good": 0,
            "removed_bad": 0,
            "rounds": 0,
            "seconds": {"fit": 1.0},
        }
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "removed.csv").write_text("path,label,defect,round,score,threshold\n")
    runs = with_titles(read_runs(tmp_path)[0])
    assert len(runs) == CELLS["table1"] / 3
    # The two datasets are cropped differently; within each there is one detector.
    assert {(run.dataset.name, run.detector.title) for run in runs} == {
        ("mvtec", "differnet (crop=none)"),
        ("ksdd2", "differnet (crop=center)"),
    }
    for noise in (0.4, 0.5):
        for method in ("vanilla", "osr", "irp"):
            found = {
                run.category
                for run in runs
                if (run.dataset.name, run.method.title, run.noise) == ("mvtec", method, noise)
            }
            assert len(found) == 10


def test_an_override_takes_the_place_of_the_grids() -> None:
    (command,) = commands("fig4", "noise=0,0.2", "seed=1", "data.category=tile", "logger=wandb")
    assert [text for text in command if text.startswith("noise")] == ["noise=0,0.2"]
    assert "logger=csv" not in command
    assert len(grid.cells(command)) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["table1", "--mvtec", "."], "table1 needs ksdd2: give its folder with --ksdd2 DIR"),
        (["fig4", "--mvtec", "/not/there"], "--mvtec /not/there is not a folder"),
        (["fig4", "--datasets", "ksdd2", "--dry-run"], "fig4 needs mvtec"),
        (["fig4", "--dry-run", "data.category=vase"], "data.category=vase is none of bottle"),
        (["fig4", "--dry-run", "refine=magic"], "magic"),
        (["fig4", "--dry-run", "noise"], "noise is no override"),
        (["fig4", "--dry-run", "epochs=0"], "epochs=0 is not allowed"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["reproduce.py", *arguments])
    with pytest.raises(SystemExit) as end:
        reproduce.main()
    assert said in str(end.value.code)
    assert "\n" not in str(end.value.code)


def test_the_kit_runs_and_compares(small: list[str], images: Path, tmp_path: Path) -> None:
    overrides = [text for text in small if not text.startswith(("data.root", "logger", "model"))]
    arguments = [
        *("fig4", "--mvtec", str(images), "--out", str(tmp_path / "measured")),
        *("model=differnet", "model.hidden=256"),
        *("noise=0,0.25", "seed=0", "refine=irp", f"hydra.sweep.dir={tmp_path / 'cells'}"),
        *overrides,
    ]
    result = kit(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    files = list((tmp_path / "cells").glob("*/metrics.json"))
    assert sorted(json.loads(f.read_text())["noise_requested"] for f in files) == [0, 0.25]
    assert list((tmp_path / "measured").iterdir())
    # The estimate of the disk; the rest of the file is the backbone and Lightning's own state.
    (work, *_) = works_of(arguments, images)
    size = (files[0].parent / "checkpoints" / "last.ckpt").stat().st_size / 1e9
    assert cost.gigabytes([work]) == pytest.approx(size, rel=0.1)

    before = {file: file.stat().st_mtime_ns for file in files}
    again = kit(*arguments, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert {file: file.stat().st_mtime_ns for file in files} == before


def works_of(arguments: list[str], root: Path) -> list[cost.Work]:
    extra = [text for text in arguments[1:] if "=" in text]
    found = reproduce.plan("fig4", {"mvtec": root}, extra)
    return [reproduce.work(cell, root)[0] for cell in grid.cells(found["mvtec"])]
