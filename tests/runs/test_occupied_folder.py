"""What a run folder holds already, a finished run, another or no run: not overwritten unless asked."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from omegaconf import DictConfig

from irp_lightning.commands.run import run_composed as run
from irp_lightning.foundation.errors import InputError

Config = Callable[..., DictConfig]


def test_a_finished_run_is_not_overwritten_unless_asked(config: Config, tmp_path: Path) -> None:
    run(config("+experiment=demo", "refine=none", "epochs=1"), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    before = (tmp_path / "metrics.json").read_text()
    with pytest.raises(InputError, match=r"holds a finished run; set sweep\.force=true"):
        run(config("+experiment=demo", "refine=none", "epochs=1"), tmp_path)
    with pytest.raises(InputError, match=r"holds a run with epochs=1, not 2; set another"):
        run(config("+experiment=demo", "refine=none", "epochs=2"), tmp_path)
    assert (tmp_path / "metrics.json").read_text() == before
    assert run(config("+experiment=demo", "refine=none", "epochs=2", "sweep.force=true"), tmp_path)
    assert "epochs: 2" in (tmp_path / "config.yaml").read_text()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_is_no_run_is_not_replaced(config: Config, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("my: project\n")
    (tmp_path / "figures").mkdir()
    with pytest.raises(InputError, match=r"config\.yaml is not a run's"):
        run(config("+experiment=demo", "sweep.force=true"), tmp_path)
    assert (tmp_path / "figures").is_dir()


def test_two_processes_do_not_share_a_run_folder(config: Config, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(InputError, match="in use by another process"):
        run(config("+experiment=demo"), tmp_path)


def test_an_unreadable_configuration_is_named(config: Config, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("[broken")
    with pytest.raises(InputError, match=r"config\.yaml cannot be read"):
        run(config("+experiment=demo"), tmp_path)
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"config\.yaml cannot be read"):
        run(config("+experiment=demo"), tmp_path)


@pytest.mark.parametrize(
    "name", ["scores.csv", "metrics.json", "figures/roc.png", "checkpoints/last.ckpt"]
)
@pytest.mark.parametrize("force", ["true", "false"])
def test_files_that_are_not_a_runs_are_left_alone(
    name: str, force: str, config: Config, tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"status": "complete"}')
    with pytest.raises(InputError, match=r"and no config\.yaml of a run"):
        run(config("+experiment=demo", f"sweep.force={force}"), tmp_path)
    assert (tmp_path / name).read_text() == '{"status": "complete"}'


def test_paths_may_be_written_in_other_ways(
    config: Config, tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images.parent)
    overrides = ["+experiment=demo", "refine=none", "epochs=1"]
    run(config(*overrides, f"data.root={images.name}"), tmp_path)
    assert f"root: {images}" in (tmp_path / "config.yaml").read_text()
    with pytest.raises(InputError, match="holds a finished run"):  # the same run
        run(config(*overrides, f"data.root={images.parent}//{images.name}/"), tmp_path)


def test_another_dataset_of_the_same_names_is_another_run(
    config: Config, tmp_path: Path, images: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(images, other)
    run(config("+experiment=demo", "refine=none", "epochs=1"), tmp_path / "run")
    next((other / "fabric" / "test" / "good").iterdir()).unlink()
    with pytest.raises(InputError, match=r"on the images of .*, and data\.root=.* has no fabric/test"):
        run(
            config("+experiment=demo", "refine=none", "epochs=1", f"data.root={other}"), tmp_path / "run"
        )


def test_a_knob_that_does_nothing_makes_no_other_run(config: Config, tmp_path: Path) -> None:
    run(config("+experiment=demo", "refine=none", "epochs=1", "lam=1.5"), tmp_path)
    with pytest.raises(InputError, match="holds a finished run"):
        run(config("+experiment=demo", "refine=none", "epochs=1", "lam=2"), tmp_path)
