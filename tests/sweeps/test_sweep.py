"""Sweeps as a user starts them: killed, resumed, failed, forced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_files import metrics

pytestmark = pytest.mark.slow  # whole sweeps

MORTAL = """
import os, signal
from pathlib import Path
from irp_lightning.detectors.differnet import DifferNet

class Mortal(DifferNet):
    def on_train_epoch_start(self):
        if self.current_epoch == 4 and not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def overrides(small: list[str]) -> list[str]:
    return [o for o in small if not o.startswith("model")]


def test_a_killed_sweep_goes_on_where_it_stopped(
    overrides: list[str], command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "mortal.py").write_text(MORTAL)
    sweep = [
        "run", "-m", "+experiment=demo", *overrides, "model=custom", "model._target_=mortal.Mortal",
        "+model.hidden=16", "+model.n_blocks=2", "lam=1.02", "refine=none,irp_all", "name=mine",
    ]  # fmt: skip
    killed = command(*sweep, cwd=tmp_path)
    assert killed.returncode == -9
    folder = tmp_path / "outputs" / "mine" / "sweep"
    none, irp_all = sorted(folder.glob("[!.]*/"), key=lambda cell: "irp_all" in cell.name)
    assert "refine=none" in none.name
    finished = (none / "metrics.json").stat().st_mtime_ns
    assert not (irp_all / "metrics.json").exists()

    again = command(*sweep, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "resumes from the last round" in again.stdout
    assert "2 cells: 1 skipped, 1 complete" in again.stdout
    assert metrics(irp_all)["resumed"] is True
    assert (none / "metrics.json").stat().st_mtime_ns == finished

    other = command(*sweep, "sweep.name=whole", cwd=tmp_path)
    assert "2 cells: 2 complete" in other.stdout
    for name in ("removed.csv", "scores.csv"):
        whole = tmp_path / "outputs" / "mine" / "whole" / irp_all.name
        assert (irp_all / name).read_text() == (whole / name).read_text()

    (tmp_path / "died").unlink()  # a forced cell dies again
    assert command(*sweep, "sweep.force=true", cwd=tmp_path).returncode == -9
    assert (none / "metrics.json").stat().st_mtime_ns > finished
    assert not (irp_all / "metrics.json").exists()


def test_a_failed_cell_says_why_and_the_others_go_on(
    small: list[str], command: Callable[..., Any], tmp_path: Path
) -> None:
    result = command(
        "run", "-m", "+experiment=demo", *small, "data.crop=none,left", "model.lr=1e-3,1e9",
        "refine=none", "hydra.sweep.dir=out", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1
    assert "4 cells: 1 complete, 3 failed" in result.stdout
    assert "data.crop=left is unknown" in result.stdout
    found = {cell.name: metrics(cell) for cell in (tmp_path / "out").glob("[!.]*/")}
    assert len(found) == 4
    for name, m in found.items():
        good = "data.crop=none" in name and "lr=0.001" in name
        assert m["status"] == ("complete" if good else "failed")
        assert good or m["error"]
    assert any("diverged" in m.get("error", "") for m in found.values())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["data.root=/a,/b"], "data.root is left out of names"),
        (["sweep.objective=best"], "sweep.objective=best is unknown"),
        (["hydra/launcher=ray_gpus_of_mine"], "hydra/launcher"),
    ],
)
def test_a_sweep_that_cannot_go_well_is_refused(
    arguments: list[str], named: str, command: Callable[..., Any], small: list[str], tmp_path: Path
) -> None:
    result = command("run", "-m", *small, "seed=0", *arguments, cwd=tmp_path)
    assert result.returncode != 0
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_cells_that_differ_by_what_does_nothing_are_computed_once(
    small: list[str], command: Callable[..., Any], tmp_path: Path
) -> None:
    sweep = ["run", "-m", "+experiment=demo", *small, "epochs=1", "hydra.sweep.dir=out"]
    result = command(*sweep, "refine=none,irp_all", "lam=1.5,2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "3 cells: 3 complete" in result.stdout
    (told,) = [line for line in result.stdout.splitlines() if "stands for" in line]
    assert "refine=none" in told
    assert "stands for lam=1.5, lam=2, which changes nothing here" in told
    assert sum("refine=none" in cell.name for cell in (tmp_path / "out").glob("[!.]*/")) == 1

    again = command(*sweep, "refine=none,irp_all", "lam=3,2", cwd=tmp_path)
    assert "3 cells: 2 skipped, 1 complete" in again.stdout

    nothing = command(*sweep, "refine=none", "lam=1.5,2", cwd=tmp_path)
    assert nothing.returncode == 1
    assert "lam has no effect in any cell of this sweep; leave it out" in nothing.stderr


def test_a_knob_that_does_nothing_is_refused_in_a_single_run(
    small: list[str], command: Callable[..., Any], tmp_path: Path
) -> None:
    result = command("run", "+experiment=demo", *small, "refine=robust", "lam=2", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("irp_lightning: lam=2 has no effect with refine=robust")
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["mine", "mine/inner"])
def test_a_users_empty_folders_stay_after_a_refusal(
    folder: str, command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    command("run", "noise=0.7", f"hydra.run.dir={folder}", cwd=tmp_path)
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]
    command("run", "-m", "noise=0.7", f"hydra.sweep.dir={folder}", "sweep.objective=x", cwd=tmp_path)
    assert tmp_path / "mine" in list(tmp_path.rglob("*"))
