"""Loggers: what is made, offline where W&B cannot be had, and that none stops a training."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import torch
import wandb
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only
from run_files import rows

from irp_lightning.data.samples import Sample
from irp_lightning.evaluation.evaluation import Evaluation
from irp_lightning.evaluation.tables import removed_rows, round_rows, score_rows
from irp_lightning.refinement.rounds import Round
from irp_lightning.tracking import loggers as module
from irp_lightning.tracking import wandb_logger
from irp_lightning.tracking.config import WandbConfig
from irp_lightning.tracking.loggers import finish_loggers, log_evaluation, logging_to, make_loggers
from irp_lightning.tracking.wandb_key import has_wandb_key
from irp_lightning.tracking.wandb_logger import RunLogger, run_id

SETTINGS = WandbConfig("p", None, "demo/sweep", [], True)
CONFIG = {"refine": {"name": "irp"}, "data": {"category": "fabric"}}
FACTS = {
    "method": "irp",
    "model": "nearest",
    "backbone": "random",
    "category": "fabric",
    "contamination": "share",
}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_without_a_key_there_is_none() -> None:
    assert not has_wandb_key()


def test_a_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert has_wandb_key()


@pytest.mark.parametrize(
    ("machine", "found"),
    [
        ("api.wandb.ai", True),
        (urlparse(wandb.Settings().base_url).netloc, True),
        ("wandb.example.org", False),
    ],
)
def test_a_key_that_wandb_login_left(tmp_path: Path, machine: str, found: bool) -> None:
    (tmp_path / "netrc").write_text(f"machine {machine}\n  login user\n  password {'0' * 40}\n")
    assert has_wandb_key() == found


@pytest.mark.parametrize("machine", ["wandb.example.org", "wandb.example.org:8080"])
def test_a_key_for_ones_own_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: str
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org:8080")
    (tmp_path / "netrc").write_text("machine api.wandb.ai\n  login u\n  password p\n")
    assert not has_wandb_key()
    (tmp_path / "netrc").write_text(f"machine {machine}\n  login u\n  password p\n")
    assert has_wandb_key()


def log_once(folder: Path, value: float) -> None:
    found = make_loggers(SETTINGS, folder, CONFIG, FACTS, lambda line: None)
    for logger in found:
        logger.log_metrics({"train/loss": value}, step=0)
    finish_loggers(found, "success")


@pytest.mark.slow
def test_a_run_that_is_continued_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    before = {**os.environ}
    log_once(tmp_path / "a", 1.0)
    log_once(tmp_path / "a", 2.0)
    log_once(tmp_path / "b", 3.0)
    assert {**os.environ} == before
    for name, value in (("logs", "1.0"), ("logs-2", "2.0")):
        assert value in (tmp_path / "a" / name / "metrics.csv").read_text()
    ids = []
    for run in sorted(tmp_path.glob("*/wandb/offline-run-*/*.wandb")):
        lines = subprocess.run(
            [sys.executable, "-m", "wandb", "leet", "inspect", "--json", run.parent],
            env={**os.environ, "HOME": str(tmp_path / "home")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        ).stdout.splitlines()
        (record,) = [r for r in map(json.loads, lines) if r["type"] == "run"]
        assert record["run"]["resume"]  # so that `wandb sync` adds to what it uploaded before
        ids.append(record["run"]["run_id"])
    assert ids[0] == ids[1] == run_id(tmp_path / "a")
    assert ids[2] == run_id(tmp_path / "b") != ids[0]


def test_disabled_and_csv_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    for settings in (SETTINGS, None):
        (logger,) = make_loggers(settings, tmp_path, CONFIG, FACTS, lambda line: None)
        assert isinstance(logger, CSVLogger)
    assert not (tmp_path / "wandb").exists()


def test_only_the_first_process_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    said: list[str] = []
    (logger,) = make_loggers(SETTINGS, tmp_path, CONFIG, FACTS, said.append)
    assert isinstance(logger, CSVLogger)
    assert not said


def test_online_or_else_offline_or_else_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    tried, said = [], []

    def fails(*_: Any, online: bool) -> None:
        tried.append(online)
        raise wandb.errors.CommError("no answer\nin time") if online else OSError("disk full")

    monkeypatch.setattr(wandb_logger, "start_run", fails)
    (logger,) = make_loggers(SETTINGS, tmp_path, CONFIG, FACTS, said.append)
    assert isinstance(logger, CSVLogger)
    assert tried == [True, False]
    assert said == ["W&B: not used (disk full); the run folder has everything"]


class LostRun:
    project, id = "p", "i"

    def log(self, *_: Any) -> None:
        raise ConnectionResetError("Connection lost")

    def finish(self, **_: Any) -> None:
        raise ConnectionResetError("Connection lost")


def test_a_training_outlives_wandb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_DATA_DIR", "inside")
    said: list[str] = []
    logger = RunLogger(
        LostRun(),  # type: ignore[arg-type]
        tmp_path,
        FACTS,
        checkpoint=True,
        say=said.append,
        outside={"WANDB_DATA_DIR": "outside"},
    )
    logger.log_metrics({"train/loss": 1.0}, step=0)
    logger.log_metrics({"train/loss": 0.5}, step=1)
    assert said == ["W&B: given up (Connection lost); the run folder has everything"]
    finish_loggers([logger], "success")
    assert os.environ["WANDB_DATA_DIR"] == "outside"


def evaluation(folder: Path) -> Evaluation:
    """Two rounds; the second training image, a defect, is removed in the first."""
    train = [Sample(folder / f"{i}.png", f"{i}.png", "train", d) for i, d in enumerate(("good", "hole"))]
    test = [Sample(folder / f"t{i}.png", f"t{i}.png", "test", d) for i, d in enumerate(("good", "hole"))]
    both, bad = torch.tensor([True, True]), torch.tensor([False, True])
    scores, test_scores = torch.tensor([1.0, 4.0]), torch.tensor([0.5, 2.0])
    rounds = [
        Round(number=0, active=both, scores=scores, removed=bad, threshold=2.5, seconds=1.0),
        Round(
            number=1,
            active=~bad,
            scores=scores.masked_fill(bad, torch.nan),
            test_scores=test_scores,
            removed=~both,
            seconds=1.0,
        ),
    ]
    labels, test_labels = (torch.tensor([sample.label for sample in s]) for s in (train, test))
    return Evaluation(
        train=train,
        test=test,
        rounds=rounds,
        test_scores=test_scores,
        figures={},
        round_rows=round_rows(rounds, labels, test_labels),
        removed_rows=removed_rows(rounds, train),
        score_rows=score_rows(test, test_scores),
    )


def test_rounds_and_figures_stand_after_the_training_steps(tmp_path: Path) -> None:
    found = make_loggers(None, tmp_path, CONFIG, FACTS, print)
    metrics = {"image_auroc": 1.0, "converged": True, "method": "irp", "aupro": None, "rounds": 1}
    log_evaluation(found, evaluation(tmp_path), metrics, 7, tmp_path)
    finish_loggers(found, "success")
    table = [{k: v for k, v in row.items() if v} for row in rows(tmp_path / "logs" / "metrics.csv")]
    assert [row["step"] for row in table] == ["7", "8", "9"]
    assert [row.get("round/removed_bad") for row in table] == ["1", "0", None]
    assert [row.get("round/image_auroc") for row in table] == [None, "1.0", None]
    assert table[2] == {"step": "9", "image_auroc": "1.0", "converged": "1.0", "rounds": "1.0"}


def test_an_evaluation_outlives_wandb(tmp_path: Path) -> None:
    said: list[str] = []
    lost: Any = LostRun()
    logger = RunLogger(lost, tmp_path, FACTS, checkpoint=True, say=said.append, outside={})
    log_evaluation([logger], evaluation(tmp_path), {}, 0, tmp_path)
    assert said == ["W&B: given up (Connection lost); the run folder has everything"]
    finish_loggers([logger], "success")


def test_a_block_ends_its_loggers_however_it_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(module, "finish_loggers", lambda loggers, status: ended.append(status))
    with logging_to(None, tmp_path, CONFIG, FACTS) as found:
        assert len(found) == 1
        assert not ended
    with pytest.raises(KeyboardInterrupt), logging_to(None, tmp_path, CONFIG, FACTS):
        raise KeyboardInterrupt
    assert ended == ["success", "failed"]
