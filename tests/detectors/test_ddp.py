"""One run on two processes: the same removals as on one, nearly the same scores, each image once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig
from run_files import metrics, rows

from irp_lightning.commands.run import run_composed as run
from irp_lightning.foundation.errors import InputError

pytestmark = pytest.mark.slow  # processes that train together

TOLERANCE = 0.01
"""AUROC; sums in another order move scores by some 1e-4 of themselves, and ranks hardly ever."""


@pytest.mark.parametrize(
    "method",
    [
        # Seven images of a batch on two processes: four and three. One is scored more than the other.
        ["refine=irp_all", "lam=1.02", "batch_size=7", "references=true"],
        ["refine=robust", "refine.rule.k=0.5", "noise=0.3"],
    ],
)
def test_two_processes_find_what_one_finds(
    method: list[str], small: list[str], cold_command: Callable[..., Any], tmp_path: Path
) -> None:
    overrides = ["+experiment=demo", *small, *method]
    for name, trainer in (("one", "default"), ("two", "ddp")):
        result = cold_command(
            "run", *overrides, f"trainer={trainer}", "trainer.accelerator=cpu", f"hydra.run.dir={name}",
            cwd=tmp_path, OMP_NUM_THREADS="1",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    one, two = tmp_path / "one", tmp_path / "two"
    removed = [{(r["round"], r["path"]) for r in rows(folder / "removed.csv")} for folder in (one, two)]
    assert removed[0] == removed[1]
    assert removed[0]
    scores = [
        {r["path"]: float(r["score"]) for r in rows(folder / "scores.csv")} for folder in (one, two)
    ]
    assert len(scores[1]) == len(rows(two / "scores.csv")) == metrics(two)["test_images"]
    assert scores[1] == pytest.approx(scores[0], rel=0.05)
    for key in ("image_auroc", "vanilla_auroc", "oracle_auroc"):
        expected = metrics(one)[key]
        assert metrics(two)[key] == (expected and pytest.approx(expected, abs=TOLERANCE))
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["trainer.devices=1"], "trainer.devices=1 with strategy=ddp"),
        (["refine=robust", "refine/scoring=cross_fit"], "refine/scoring=cross_fit"),
        (["model=gaussian"], "model.name=gaussian has no gradient for several processes"),
        (["features.cache=memory"], "features.cache=memory"),
        (["batch_size=1"], "batch_size=1 is too small for trainer.devices=2"),
        (["trainer.strategy=ddp_spawn"], "trainer.strategy=ddp_spawn is unknown"),
    ],
)
def test_what_processes_cannot_share_is_refused(
    overrides: list[str], named: str, config: Callable[..., DictConfig], tmp_path: Path
) -> None:
    cfg = config("trainer=ddp", "trainer.accelerator=cpu", *overrides)
    with pytest.raises(InputError) as error:
        run(cfg, tmp_path / "run")
    assert named in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_sweep_of_distributed_runs_is_refused_before_it_begins(
    small: list[str], cold_command: Callable[..., Any], tmp_path: Path
) -> None:
    result = cold_command("run", "-m", *small, "trainer=ddp", "seed=0,1", cwd=tmp_path)
    assert result.returncode != 0
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("irp_lightning: trainer.strategy=ddp in a sweep")
    assert "hydra/launcher=slurm" in line
    assert not list(tmp_path.iterdir())
