"""A run that is stopped and started again ends as if nothing had happened."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from irp_lightning.commands.run import run_composed as run
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.folder import RunFolder
from irp_lightning.runs.record import Record, figures_of, read_record

pytestmark = pytest.mark.slow  # whole runs, stopped and resumed

Config = Callable[..., DictConfig]

IN_SAMPLE = ["refine=irp", "refine.remove=all", "refine.max_rounds=4", "lam=1.02"]
LOCAL = ["refine=robust", "refine.rule.k=0.5"]


class Killed(BaseException):
    """Stands for a hard death: nothing of the run catches it."""


def figures(folder: Path) -> dict[str, Any]:
    """All that a run found out, without the times."""
    record = read_record(folder)
    assert isinstance(record, Record)
    return figures_of(record)


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run, and die right after so many checkpoints were written."""

    def stopped(cfg: DictConfig, folder: Path, checkpoints: int = 1) -> None:
        write, left = RunFolder.write, [checkpoints]

        def dying(self: RunFolder, name: str, save: Callable[[Path], Any]) -> Path:
            file = write(self, name, save)
            left[0] -= name.startswith("checkpoints/")
            if left[0] == 0:
                raise Killed
            return file

        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "write", dying)
            with pytest.raises(Killed):
                run(cfg, folder)
        assert not (folder / "metrics.json").exists()

    return stopped


@pytest.mark.parametrize(
    ("method", "checkpoints"),
    [
        ([*IN_SAMPLE, "model.average=0.9"], 2),
        (["refine=irp_all", "lam=1.02", "refine.scoring.retrain=scratch"], 1),
        (LOCAL, 2),  # stopped while images were removed, before the detector was fitted
        ([*LOCAL, "refine/scoring=cross_fit"], 1),
        (["model=gaussian", "refine=irp", "lam=1.01", "references=true"], 1),
        (["refine=oracle"], 1),  # stopped after its one round, before it was reported
    ],
)
def test_a_stopped_run_ends_like_one_that_was_not(
    method: list[str],
    checkpoints: int,
    config: Config,
    stop: Callable[..., None],
    tmp_path: Path,
) -> None:
    cfg = config("+experiment=demo", *method)
    run(cfg, tmp_path / "whole")
    stop(cfg, tmp_path / "stopped", checkpoints)
    metrics = run(cfg, tmp_path / "stopped")
    assert metrics["resumed"] is True
    assert figures(tmp_path / "stopped") == figures(tmp_path / "whole")


def test_a_run_that_an_older_version_stopped_is_no_stranger(
    config: Config, stop: Callable[..., None], tmp_path: Path
) -> None:
    then = ("refine/rule=false_discovery", "refine.scoring.by_place=false", "patches.part=whole")
    cfg = config("+experiment=demo", *LOCAL, *then)
    stop(cfg, tmp_path)
    written = OmegaConf.load(tmp_path / "config.yaml")
    scoring, rule = written.refine.pop("scoring"), written.refine.pop("rule")
    names = {"scoring": "ensemble", "rule": "false_discovery", "k": rule.k, "backbone": None}
    arguments = {key: value for key, value in scoring.items() if key not in ("_target_", "backbone")}
    written.refine = {**written.refine, **names, **arguments}
    del written["verdicts"], written["patches"]["part"], written["views"]["part"]
    OmegaConf.save(written, tmp_path / "config.yaml")
    assert run(cfg, tmp_path)["resumed"] is True
    assert "tf_efficientnet_lite0" in (tmp_path / "config.yaml").read_text()


NOISY = """
import torch
from irp_lightning.detectors.differnet import DifferNet

class Noisy(DifferNet):
    def training_step(self, batch, batch_idx):
        features, index = batch
        return super().training_step((features + 0.1 * torch.randn_like(features), index), batch_idx)
"""


@pytest.mark.parametrize(
    "method", [IN_SAMPLE, [*LOCAL, "refine/scoring=cross_fit", "refine.max_rounds=4"]]
)
def test_random_numbers_go_on_where_they_stood(
    method: list[str],
    config: Config,
    stop: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "noisy_detector.py").write_text(NOISY)
    monkeypatch.syspath_prepend(tmp_path)
    cfg = config(
        "+experiment=demo", "model=custom", "model._target_=noisy_detector.Noisy", "+model.hidden=16",
        "+model.n_blocks=2", *method,
    )  # fmt: skip
    run(cfg, tmp_path / "whole")
    stop(cfg, tmp_path / "stopped")
    run(cfg, tmp_path / "stopped")
    assert figures(tmp_path / "stopped") == figures(tmp_path / "whole")


def test_a_run_that_failed_starts_again_and_keeps_its_curves(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("no space left")

    folder = tmp_path / "run"
    cfg = config("+experiment=demo", *IN_SAMPLE, "localise=2")
    with monkeypatch.context() as patch:
        patch.setattr("irp_lightning.localisation.localisation.localise", full)
        with pytest.raises(RuntimeError, match="no space left"):
            run(cfg, folder)
    left = json.loads((folder / "metrics.json").read_text())
    assert left == {"status": "failed", "error": "no space left"}
    curves = (folder / "logs" / "metrics.csv").read_text()
    assert run(cfg, folder)["resumed"] is True
    assert (folder / "logs" / "metrics.csv").read_text() == curves
    run(cfg, tmp_path / "whole")
    assert figures(folder) == figures(tmp_path / "whole")


def test_what_a_death_while_writing_left_is_cleared_away(
    config: Config, stop: Callable[..., None], tmp_path: Path
) -> None:
    cfg = config("+experiment=demo", *IN_SAMPLE)
    stop(cfg, tmp_path)
    (tmp_path / "checkpoints" / ".0123abcd.part.ckpt").write_bytes(b"half")
    run(cfg, tmp_path)
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


def test_where_a_run_is_computed_may_change(
    config: Config, stop: Callable[..., None], tmp_path: Path
) -> None:
    stop(config("+experiment=demo", *LOCAL), tmp_path)
    moved = ["features.workers=0", "checkpoint_seconds=9", "sweep.name=other"]
    assert run(config("+experiment=demo", *LOCAL, *moved), tmp_path)["resumed"] is True


def test_other_images_are_not_gone_on_with(
    config: Config, stop: Callable[..., None], tmp_path: Path, images: Path
) -> None:
    root = shutil.copytree(images, tmp_path / "images")
    cfg = config("+experiment=demo", f"data.root={root}", *IN_SAMPLE)
    stop(cfg, tmp_path / "run")
    good = sorted((root / "fabric" / "train" / "good").iterdir())
    good[0].rename(good[0].with_name("zzz.png"))
    with pytest.raises(InputError, match="the images have changed since"):
        run(cfg, tmp_path / "run")


def test_images_that_changed_under_their_names_are_not_gone_on_with(
    config: Config, stop: Callable[..., None], tmp_path: Path, images: Path
) -> None:
    root = shutil.copytree(images, tmp_path / "images")
    cfg = config("+experiment=demo", f"data.root={root}", *IN_SAMPLE)
    stop(cfg, tmp_path / "run")
    good, other = sorted((root / "fabric" / "train" / "good").iterdir())[:2]
    with Image.open(other) as image:
        image.rotate(180).save(good)
    with pytest.raises(InputError, match="the images have changed since"):
        run(cfg, tmp_path / "run")


def test_a_checkpoint_is_not_written_more_often_than_asked(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = RunFolder.write

    def counting(self: RunFolder, name: str, save: Callable[[Path], Any]) -> Path:
        written.append(name)
        return write(self, name, save)

    monkeypatch.setattr(RunFolder, "write", counting)
    overrides = ["+experiment=demo", "refine=irp", "lam=1.01", "refine.max_rounds=3"]
    for seconds, wanted in ((0, 4), (3600, 2)):  # the first and the last are always kept
        written.clear()
        run(config(*overrides, f"checkpoint_seconds={seconds}"), tmp_path / str(seconds))
        assert written.count("checkpoints/last.ckpt") == wanted


def test_a_damaged_checkpoint_is_not_gone_on_from(
    config: Config, stop: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = config("+experiment=demo", *IN_SAMPLE)
    stop(cfg, tmp_path)
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert run(cfg, tmp_path)["resumed"] is False
    assert "a checkpoint in" in (told := capsys.readouterr().out)
    assert "is damaged: the run starts again" in told


def test_a_forced_run_begins_anew_once_for_each_command(
    config: Config, stop: Callable[..., None], tmp_path: Path
) -> None:
    forced = config("+experiment=demo", *IN_SAMPLE, "sweep.force=true")
    stop(forced, tmp_path)
    # Slurm and Ray start a process that died again: the same command.
    assert run(forced, tmp_path)["resumed"] is True
    another = config("+experiment=demo", *IN_SAMPLE, "sweep.force=true")
    assert run(another, tmp_path)["resumed"] is False


def test_a_dataset_that_moved_is_the_same_run(
    config: Config, tmp_path: Path, images: Path, stop: Callable[..., None]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(images, here)
    overrides = ["+experiment=demo", "refine=none", "epochs=1"]
    run(config(*overrides, f"data.root={here}"), tmp_path / "run")
    stop(config("+experiment=demo", *IN_SAMPLE, f"data.root={here}"), tmp_path / "half")
    here.rename(there)
    with pytest.raises(InputError, match="holds a finished run"):
        run(config(*overrides, f"data.root={there}"), tmp_path / "run")
    moved = config("+experiment=demo", *IN_SAMPLE, f"data.root={there}")
    assert run(moved, tmp_path / "half")["resumed"] is True


def test_a_run_that_an_older_version_left_half_done_begins_anew(
    config: Config, stop: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = config("+experiment=demo", *IN_SAMPLE)
    stop(cfg, tmp_path)
    lines = (tmp_path / "manifest.csv").read_text().splitlines()
    older = [line.rsplit(",", 2)[0] for line in lines]  # it had no files and masks
    (tmp_path / "manifest.csv").write_text("\n".join(older) + "\n")
    assert run(cfg, tmp_path)["resumed"] is False
    assert "in another version: the run starts again" in capsys.readouterr().out


def test_what_the_rounds_before_a_fit_kept_goes_when_the_run_is_whole(
    config: Config, stop: Callable[..., None], tmp_path: Path
) -> None:
    cfg = config("+experiment=demo", *LOCAL)
    stop(cfg, tmp_path)
    assert (tmp_path / "checkpoints" / "cleaning.ckpt").is_file()
    run(cfg, tmp_path)
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]
