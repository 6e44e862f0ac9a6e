"""Sweeps by other launchers and sweepers, in real processes. Slurm: ``tests/slurm/run.sh``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from hydra_plugins.irp_launchers.ray_launcher import RayLauncher

pytestmark = pytest.mark.slow  # Ray, Slurm and searches

REPO = Path(__file__).parent.parent.parent

LEASED = """
import os, signal, time
from pathlib import Path

import torch

from irp_lightning.detectors.differnet import DifferNet


class Leased(DifferNet):
    def __init__(self, **flow):
        super().__init__(**flow)
        self.deadly = torch.initial_seed() == 0 and not Path("cured").exists()

    def on_fit_start(self):
        if not Path("cured").exists() and not self.deadly:
            Path(f"gpu-{os.environ.get('CUDA_VISIBLE_DEVICES')}").touch()

    def on_train_epoch_start(self):
        if self.deadly and self.current_epoch == 4:  # after the first rounds
            os.kill(os.getpid(), signal.SIGKILL)

    def on_fit_end(self):  # keep the GPU until the other job has one too
        end = time.time() + 60
        while not self.deadly and len(list(Path().glob("gpu-*"))) < 2 and time.time() < end:
            time.sleep(0.1)
"""


def sweep(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "irp_lightning.run", "-m", "+experiment=mvtec_noise", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{REPO}:{cwd}", "OMP_NUM_THREADS": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def metrics_of(folder: Path) -> dict[str, dict[str, object]]:
    """By cell, for those that have any."""
    return {file.parent.name: json.loads(file.read_text()) for file in folder.glob("*/metrics.json")}


def test_ray_leases_gpus_and_sees_a_sweep_through_past_a_job_that_dies(
    small: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="needs irp-lightning[ray]")
    (tmp_path / "leased.py").write_text(LEASED)
    arguments = [
        *(s for s in small if not s.startswith("model=")),
        *("model=custom", "model._target_=leased.Leased", "refine=irp", "lam=1.0001"),
        *("hydra.launcher.init.num_gpus=2", "hydra.launcher.init.num_cpus=2", "hydra/launcher=ray_gpu"),
        *("seed=0,1,2", "sweep.name=ray"),
    ]
    arguments = [f"+{a}" if a.startswith(("model.hidden", "model.n_blocks")) else a for a in arguments]
    folder = tmp_path / "outputs" / "mvtec_noise" / "ray"

    first = sweep(*arguments, cwd=tmp_path)
    assert first.returncode != 0
    assert "irp_lightning: the job's process died" in first.stderr
    assert "3 cells: 1 stopped, 2 complete;" in first.stdout, first.stdout + first.stderr
    assert {file.name for file in tmp_path.glob("gpu-*")} == {"gpu-0", "gpu-1"}

    (tmp_path / "cured").touch()
    second = sweep(*arguments, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "3 cells: 1 complete, 2 skipped;" in second.stdout
    assert [m["resumed"] for m in metrics_of(folder).values()].count(True) == 1


def test_ray_refuses_jobs_that_could_never_start() -> None:
    launcher = RayLauncher(OmegaConf.create({}), OmegaConf.create({"num_gpus": 1, "num_cpus": 1}))
    launcher._refuse_what_never_starts({"CPU": 2.0, "GPU": 1.0})
    with pytest.raises(CompactHydraException, match=r"remote\.num_gpus=1 for each job, and Ray finds 0"):
        launcher._refuse_what_never_starts({"CPU": 2.0})


def test_without_slurm_its_launcher_says_so_in_one_line(small: list[str], tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="needs irp-lightning[slurm]")
    result = sweep(*small, "hydra/launcher=slurm", "seed=0,1", cwd=tmp_path, PATH="/nowhere")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("irp_lightning: Slurm takes no jobs: Could not detect")


def test_a_search_maximises_its_objective_and_says_what_it_looks_at(
    small: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="needs irp-lightning[optuna]")
    result = sweep(
        *(s for s in small if not s.startswith("max_rounds")),
        *("refine=irp_all", "noise=0.3", "hydra/sweeper=optuna_search", "sweep.name=search"),
        *("hydra.sweeper.n_trials=3", "hydra.sweeper.params.lam='range(1.01,1.05,0.01)'"),
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert "this search uses the test labels" in result.stdout
    folder = tmp_path / "outputs" / "mvtec_noise" / "search"
    best = OmegaConf.load(folder / "optimization_results.yaml")
    found = [m["image_auroc"] for m in metrics_of(folder).values()]
    assert len(found) <= 3  # a trial that is proposed twice is computed once
    assert best["best_value"] == max(found)  # type: ignore[index, type-var]
    assert set(best["best_params"]) == {"lam", "max_rounds"}  # type: ignore[index]
