"""Sweeps as a user starts them: killed, resumed, failed, forced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_files import metrics

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
    assert "goes on from the last round" in again.stdout
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
        "run", "-m", "+experiment=demo", *small, "batch_size=8,1000", "model.lr=1e-3,1e9", "refine=none",
        "hydra.sweep.dir=out", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1
    assert "4 cells: 1 complete, 3 failed" in result.stdout
    assert "batch_size=1000 is more than the" in result.stdout
    found = {cell.name: metrics(cell) for cell in (tmp_path / "out").glob("[!.]*/")}
    assert len(found) == 4
    for name, m in found.items():
        good = "batch_size=8" in name and "lr=0.001" in name
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
