"""Where a dataset is looked for when nobody says where it lies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from irp_lightning.config.compose import CONF, checked
from irp_lightning.data.fetch.default_root import default_root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a command is started in, and an IRP_DATA that is not set."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("IRP_DATA", raising=False)
    return tmp_path / "here"


def test_the_folder_where_a_command_starts_comes_first(here: Path, tmp_path: Path) -> None:
    (here / "datasets/MVTecAD").mkdir(parents=True)
    (tmp_path / "shared/MVTecAD").mkdir(parents=True)
    assert default_root("MVTecAD", {"IRP_DATA": str(tmp_path / "shared")}) == "datasets/MVTecAD"


def test_then_the_dataset_in_the_shared_folder(here: Path, tmp_path: Path) -> None:
    (tmp_path / "shared/MVTecAD").mkdir(parents=True)
    shared = str(tmp_path / "shared")
    assert default_root("MVTecAD", {"IRP_DATA": shared}) == f"{shared}/MVTecAD"
    assert default_root("visa", {"IRP_DATA": shared}) == "datasets/visa"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("MVTecAD", "bottle/train/good/000.png"),
        ("BTech", "01/train/ok/0000.bmp"),
        ("visa", "split_csv/1cls.csv"),
        ("MVTec_AD_2", "can/test_public/good/000.png"),
        ("KolektorSDD2", "train/10000_GT.png"),
        ("MTD", "MT_Free/Imgs/a.jpg"),
    ],
)
def test_then_the_shared_folder_itself_if_it_is_that_dataset(
    here: Path, tmp_path: Path, name: str, file: str
) -> None:
    shared = tmp_path / "own"
    shared.mkdir()
    assert default_root(name, {"IRP_DATA": str(shared)}) == f"datasets/{name}"
    (shared / file).parent.mkdir(parents=True)
    (shared / file).write_bytes(b"x")
    assert default_root(name, {"IRP_DATA": str(shared)}) == str(shared)
    others = {"MVTecAD", "BTech", "visa", "MVTec_AD_2", "KolektorSDD2", "MTD", "belts"} - {name}
    assert {default_root(other, {"IRP_DATA": str(shared)}) for other in others} == {
        f"datasets/{other}" for other in others
    }


@pytest.mark.parametrize("value", [None, "", "/no/such/folder", "~nobody-at-all/data"])
def test_nothing_anywhere_means_the_folder_where_a_command_starts(here: Path, value: str | None) -> None:
    environment = {} if value is None else {"IRP_DATA": value}
    assert default_root("MVTecAD", environment) == "datasets/MVTecAD"


def test_a_home_folder_is_meant_by_its_sign(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "shared/BTech").mkdir(parents=True)
    assert default_root("BTech", {"IRP_DATA": "~/shared"}) == str(tmp_path / "shared/BTech")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("mvtec", "MVTecAD"),
        ("mvtec_ad2", "MVTec_AD_2"),
        ("visa", "visa"),
        ("btad", "BTech"),
        ("ksdd2", "KolektorSDD2"),
        ("mtd", "MTD"),
    ],
)
def test_the_configuration_looks_there(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, name: str
) -> None:
    def root() -> str:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return checked(compose("config", [f"data={data}"])).data.root

    assert root() == str(here / "datasets" / name)
    (tmp_path / "shared" / name).mkdir(parents=True)
    monkeypatch.setenv("IRP_DATA", str(tmp_path / "shared"))
    assert root() == str(tmp_path / "shared" / name)


QUICK = (
    *("backbone=random", "model=differnet_small", "model.hidden=16", "model.n_blocks=2", "epochs=1"),
    *("data.category=fabric", "data.image_size=64", "views.count=2", "views.n_transforms=1"),
    *("refine=none", "logger=csv", "trainer.accelerator=cpu", "cache_dir=cache"),
)


@pytest.mark.slow
@pytest.mark.parametrize("sweep", [[], ["-m", "sweep.name=s"]])
def test_a_command_finds_the_images_beside_it(
    here: Path, images: Path, command: Callable[..., Any], sweep: list[str]
) -> None:
    (here / "datasets").mkdir()
    (here / "datasets/MVTecAD").symlink_to(images)
    arguments = [*sweep, "+experiment=mvtec_noise", "noise=0.3", *QUICK]
    done = command("run", *arguments, cwd=here, IRP_DATA="/no/such/folder")
    assert done.returncode == 0, done.stderr
    assert list((here / "outputs").rglob("metrics.json"))


def test_help_and_the_configuration_are_shown(here: Path, command: Callable[..., Any]) -> None:
    shown = command("run", "data=mvtec", "--help", cwd=here)
    assert shown.returncode == 0, shown.stderr
    assert "data_root:MVTecAD" in shown.stdout
    assert "crop: none                  # none (squash)" in shown.stdout  # what all datasets share
    shown = command("run", "--cfg", "job", "--resolve", "data=btad", cwd=here)
    assert shown.returncode == 0, shown.stderr
    assert "root: datasets/BTech" in shown.stdout


def test_a_dataset_that_is_nowhere_is_named_with_the_ways_to_say_where(
    here: Path, command: Callable[..., Any]
) -> None:
    refused = command("run", "+experiment=mvtec_noise", *QUICK, cwd=here)
    assert refused.returncode != 0
    assert f"data.root={here / 'datasets/MVTecAD'} is not a folder" in refused.stderr
    assert "IRP_DATA" in refused.stderr
    assert "data.download=true" in refused.stderr
