"""The reproduction kit: its commands, their cost, and a run of it on small generated images."""

import copy
import dataclasses
import json
import math
import os
import random
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from irp_lightning.comparison.labels import label
from irp_lightning.config.validate import validate
from omegaconf import DictConfig, OmegaConf

from irp_lightning.comparison.runs import read_runs
from irp_lightning.sweeps.command_line import CONF

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "experiments"))

import cost  # noqa: E402
import grid  # noqa: E402
import reproduce  # noqa: E402
from published import counts  # noqa: E402

CELLS = {"table1": 558, "table2": 126, "fig3": 594, "fig4": 180, "fig5": 42}
NO_ROOTS = {"mvtec": None, "ksdd2": None}


def kit(*arguments: str, cwd: Path = REPO) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPO / "experiments" / "reproduce.py"), *arguments],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "2", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def commands(folder: str, *extra: str) -> list[list[str]]:
    return list(reproduce.plan(folder, NO_ROOTS, extra).values())


def planned(folder: str, *extra: str) -> list[list[str]]:
    return [cell for command in commands(folder, *extra) for cell in grid.cells(command)]


def identities(folder: str) -> set[frozenset[str]]:
    return {
        frozenset(text for text in cell if not reproduce._below(text, reproduce.ELSEWHERE))
        for cell in planned(folder)
    }


def test_a_dry_run_needs_no_data_and_leaves_nothing(tmp_path: Path) -> None:
    result = kit("fig4", "--dry-run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for command in commands("fig4"):
        assert f"python -m irp_lightning.run -m {shlex.join(command)}\n" in result.stdout
    assert "180 cells" in result.stdout
    assert "calculated, a floor" in result.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", grid.FOLDERS)
def test_the_readme_has_the_commands_and_the_cost_of_the_dry_run(
    folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPO)
    monkeypatch.setattr(sys, "argv", ["reproduce.py", folder, "--dry-run"])
    with pytest.raises(SystemExit) as end:
        reproduce.main()
    assert end.value.code == 0
    readme = (REPO / "experiments" / folder / "README.md").read_text(encoding="utf-8")
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) > 10
    missing = [line for line in printed[1:] if line not in readme]
    assert not missing, "run the dry run again and copy what it prints"


@pytest.mark.parametrize("folder", grid.FOLDERS)
def test_cells_are_the_product_of_the_grid(folder: str) -> None:
    read = grid.read_grid(folder)
    product = sum(
        math.prod(map(len, (read.noise, read.seed, *dataset.values())))
        for dataset in read.datasets.values()
    )
    assert len(identities(folder)) == product == CELLS[folder]
    assert len(planned(folder)) == product


def test_folders_share_their_cells() -> None:
    everything = identities("fig3")
    for folder in ("table1", "table2", "fig4", "fig5"):
        assert identities(folder) <= everything
    assert identities("fig5") < identities("table2") < identities("table1")
    where = {text for command in commands("fig3") for text in command if text.startswith("hydra.sweep")}
    assert where == {"hydra.sweep.dir=outputs/paper"}


def test_every_command_composes_to_a_valid_configuration() -> None:
    for command in commands("fig3"):
        cells = grid.cells(command)
        for cell in (cells[0], cells[len(cells) // 2], cells[-1]):
            with initialize_config_dir(str(CONF), version_base="1.3"):
                cfg = compose("config", [text for text in cell if not text.startswith("hydra")])
            validate(cfg)
            assert (cfg.model.name, cfg.backbone.name, cfg.epochs) == ("differnet", "alexnet", 400)
            assert cfg.sweep.name == "paper"


def values(cell: list[str]) -> dict[str, str]:
    return dict(text.lstrip("+").split("=", 1) for text in cell)


def composed(cell: list[str]) -> DictConfig:
    """The configuration of a cell but for its category, noise and seed: composed once for many."""
    return reproduce.composed(tuple(t for t in cell if not reproduce._below(t, reproduce.VARIED)))


def training_images(cell: list[str]) -> int:
    of = values(cell)
    kind = composed(cell).contamination.kind
    return counts(of["data.category"], kind, float(of["noise"])).train


@pytest.mark.parametrize("folder", grid.FOLDERS)
def test_every_cell_has_as_many_training_images_as_a_batch(folder: str) -> None:
    for cell in planned(folder):
        assert training_images(cell) >= int(values(cell)["batch_size"]) == grid.BATCH_SIZE, cell


def test_the_papers_batch_can_be_had_up_to_thirty_percent() -> None:
    # Which cells it cannot be had for, the README says.
    small = {
        (values(cell)["data.category"], values(cell)["noise"])
        for cell in planned("fig3", "batch_size=96")
        if training_images(cell) < 96
    }
    half = ("bottle", "cable", "carpet", "leather", "metal_nut", "tile")
    assert small == {("bottle", "0.4"), *((name, "0.5") for name in half)}
    some = planned("table1", "batch_size=96", "noise=0,0.1,0.2,0.3")
    assert {values(cell)["batch_size"] for cell in some} == {"96"}
    assert min(map(training_images, some)) >= 96


def test_a_table_is_of_one_detector_and_averages_ten_classes(tmp_path: Path) -> None:
    rng = random.Random(0)
    for number, cell in enumerate(planned("table1", "seed=0")):
        folder = tmp_path / str(number)
        folder.mkdir()
        of, cfg = values(cell), copy.deepcopy(composed(cell))
        cfg.data.category, cfg.data.root = of["data.category"], of["data.root"]
        cfg.noise, cfg.seed = float(of["noise"]), int(of["seed"])
        cfg.cache_dir = "cache"
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
        metrics = {
            "status": "complete",
            "image_auroc": rng.random(),
            "noise_requested": cfg.noise,
            "noise_achieved": cfg.noise,
            "train_images": 100,
            "removed_good": 0,
            "removed_bad": 0,
            "rounds": 0,
            "seconds": {"fit": 1.0},
        }
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "removed.csv").write_text("path,label,defect,round,score,threshold\n")
    labelled = label(read_runs(tmp_path).runs)
    assert len(labelled) == CELLS["table1"] / 3
    # The two datasets are cropped differently; within each there is one detector.
    assert {(run.dataset, run.detector) for run in labelled} == {
        ("mvtec", "differnet (crop=none)"),
        ("ksdd2", "differnet (crop=center)"),
    }
    for noise in (0.4, 0.5):
        for method in ("vanilla", "osr", "irp"):
            found = {
                run.run.category
                for run in labelled
                if (run.dataset, run.method, run.run.noise) == ("mvtec", method, noise)
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
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["reproduce.py", *arguments])
    with pytest.raises(SystemExit) as end:
        reproduce.main()
    assert said in str(end.value.code)
    assert "\n" not in str(end.value.code)


def works(folder: str, *extra: str) -> list[cost.Work]:
    return [reproduce.work(cell, None)[0] for cell in planned(folder, *extra)]


def test_steps_of_a_cell_follow_from_the_data() -> None:
    (vanilla, irp, osr) = works(
        "table1", "data.category=tile", "noise=0.1", "seed=0", "refine=none,irp,osr"
    )[:3]
    assert vanilla.steps == irp.steps == 400 * 6  # 256 images in batches of 48
    assert (vanilla.max_rounds, osr.max_rounds, irp.max_rounds) == (0, 1, 20)
    assert irp.round_steps == 2 * 6
    assert irp.full_steps(20) > irp.full_steps(0) > irp.steps
    assert vanilla.parameters == 172_077_056


def test_more_devices_and_fewer_cells_cost_less() -> None:
    some = works("fig5")
    for most in (False, True):
        one, eight = (cost.hours(some, cost.h200(n), 1000, most) for n in (1, 8))
        assert one / 8 <= eight < one
        assert cost.hours(some[:5], cost.h200(1), 1000, most) < one
        assert one < cost.hours(some, cost.cpu(), 1000, most)
    assert cost.hours(some, cost.cpu(), 0, False) < cost.hours(some, cost.cpu(), 1000, False)
    assert cost.hours(some, cost.cpu(), 0, False) < cost.hours(some, cost.cpu(), 0, True)


def test_the_floor_of_an_h200() -> None:
    # 6 · 172.1e6 · 384 / 67e12 s of arithmetic, then 7 · 4 · 172.1e6 / 4.8e12 s of Adam's traffic.
    assert cost.step_floor(172_077_056, 384) == pytest.approx(5.918e-3 + 1.004e-3, rel=1e-3)
    # Where few vectors pass, the parameters' traffic is what takes time.
    assert cost.step_floor(172_077_056, 1) == pytest.approx(10 * 4 * 172_077_056 / 4.8e12)


def test_a_measured_card_takes_the_place_of_the_data_sheet(tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").write_text((cost.RESULTS / "sweep.csv").read_text())
    header = "preset,device,compile,batch,bare ms/step,lightning ms/step,ratio,floor ms/step,card\n"
    file = tmp_path / "gpu_step.csv"
    file.write_text(f"{header}differnet,cuda,False,96,10,11,1.1,1.4,NVIDIA H200\n")
    assert cost.h200(1, tmp_path).source == "measured"
    (work, *_) = works("fig5", "noise=0")
    assert work.vectors == 48 * 4
    assert cost.h200(1, tmp_path).step(work) == pytest.approx(0.011)  # an upper bound
    file.write_text(f"{header}differnet,cuda,False,96,10,11,1.1,1.4,NVIDIA T4\n")
    assert cost.h200(1, tmp_path).source == "calculated, a floor"


def test_a_smaller_batch_takes_the_share_of_a_step_that_was_measured() -> None:
    (work, *_) = works("fig5", "noise=0")
    device = cost.Device("some", "measured", {"differnet": 2.0}, 0, None, 1, {"differnet": 0.6})
    seconds = [device.step(dataclasses.replace(work, vectors=4 * batch)) for batch in (24, 48, 96, 192)]
    assert seconds == pytest.approx([0.8, 1.2, 2.0, 4.0])
    assert 0.5 < cost.cpu().half_batch["differnet"] < 1


def test_a_detector_that_nobody_timed_has_no_estimate() -> None:
    (work, *_) = works("fig5", "noise=0")
    lines = reproduce.estimate([dataclasses.replace(work, model="knn")], 10, [cost.cpu()])
    assert "model=knn has no measured step time" in "\n".join(lines)


def test_spans_read_well() -> None:
    assert cost.span(0.001, 0.02) == "3.6 to 72 s"
    assert cost.span(1.0, 1.0) == "60 min"
    assert cost.span(1.0, 100.0) == "60 min to 4.2 days"


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
