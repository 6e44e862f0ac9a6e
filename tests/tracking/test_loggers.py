import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import wandb
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only

from irp_lightning.tracking import loggers as module
from irp_lightning.tracking.loggers import finish_loggers, has_wandb_key, make_loggers
from irp_lightning.tracking.wandb_logger import RunLogger, run_id

SETTINGS = {"project": "p", "entity": None, "group": "demo/sweep", "tags": [], "checkpoint": True}
CONFIG = {
    "refine": {"name": "irp"},
    "model": {"name": "knn", "_target_": "irp_lightning.detectors.knn.KNN"},
    "backbone": {"name": "random"},
    "data": {"category": "fabric"},
    "contamination": {"kind": "share"},
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
    found = make_loggers(SETTINGS, folder, CONFIG, lambda line: None)
    for logger in found:
        logger.log_metrics({"train/loss": value}, step=0)
    finish_loggers(found, "success")


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
        (logger,) = make_loggers(settings, tmp_path, CONFIG, lambda line: None)
        assert isinstance(logger, CSVLogger)
    assert not (tmp_path / "wandb").exists()


def test_only_the_first_process_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    said: list[str] = []
    (logger,) = make_loggers(SETTINGS, tmp_path, CONFIG, said.append)
    assert isinstance(logger, CSVLogger)
    assert not said


def test_online_or_else_offline_or_else_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    tried, said = [], []

    def fails(*_: Any, online: bool) -> None:
        tried.append(online)
        raise wandb.errors.CommError("no answer\nin time") if online else OSError("disk full")

    monkeypatch.setattr(module, "start_run", fails)
    (logger,) = make_loggers(SETTINGS, tmp_path, CONFIG, said.append)
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
    logger = RunLogger(LostRun(), tmp_path, said.append, {"WANDB_DATA_DIR": "outside"})  # type: ignore[arg-type]
    logger.log_metrics({"train/loss": 1.0}, step=0)
    logger.log_metrics({"train/loss": 0.5}, step=1)
    assert said == ["W&B: given up (Connection lost); the run folder has everything"]
    finish_loggers([logger], "success")
    assert os.environ["WANDB_DATA_DIR"] == "outside"
