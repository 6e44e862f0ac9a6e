"""What the tests share: the real configuration, small generated images, the shared real data."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import write_checkpoint
from hydra import compose, initialize_config_dir
from hypothesis import settings
from omegaconf import DictConfig
from warm_commands import WarmCommands

from irp_lightning.config.compose import CONF, checked
from irp_lightning.config.experiment import Experiment
from irp_lightning.data.generated.category import write_category

torch.set_num_threads(1)  # tests start processes of their own; two busy threads wait for each other
# How long an example takes is the machine's affair.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("full", deadline=None, max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

REPO = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real images, weights and golden vectors; they are not part of the repository."""
    folder = Path(os.environ.get("IRP_SHARED", REPO / ".." / "shared")).resolve()
    if not (folder / "golden").is_dir():
        pytest.skip(f"needs the shared data: IRP_SHARED={folder} is not there")
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root in the MVTec layout with a small generated category ``fabric`` of 64 px images."""
    root = tmp_path_factory.mktemp("images")
    write_category(root, "fabric", size=64, train_good=16, test_good=6, per_defect=4)
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real one, the system's."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium on PATH")
    with playwright.sync_playwright() as p:
        found = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One feature bank for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def small(images: Path, cache: Path) -> list[str]:
    """Overrides that make any experiment small: little images, a random backbone, a narrow flow."""
    return [
        f"data.root={images}",
        "data.category=fabric",
        "data.image_size=64",
        "patches.image_size=64",
        "patches.grid=4",
        "backbone=random",
        "model=differnet_small",
        "model.hidden=16",
        "model.n_blocks=2",
        "views.count=3",
        "views.n_transforms=2",
        "epochs=3",
        "batch_size=8",
        "logger=csv",
        "trainer.accelerator=cpu",
        f"cache_dir={cache}",
    ]


@pytest.fixture
def config(small: list[str]) -> Callable[..., DictConfig]:
    """Compose the real configuration, made small, with further overrides."""

    def composed(*overrides: str) -> DictConfig:
        # Another detector has no flow to make narrow.
        other = any(o.startswith("model=") for o in overrides)
        kept = [o for o in small if not (other and o.startswith("model"))]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", [*kept, "max_rounds=3", "round_epochs=1", *overrides])

    return composed


@pytest.fixture
def experiment(config: Callable[..., DictConfig]) -> Callable[..., Experiment]:
    """The same, checked: its groups are what functions take."""
    return lambda *overrides: checked(config(*overrides))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small detector's checkpoint, to read."""
    file = tmp_path_factory.mktemp("checkpoint") / "last.ckpt"
    write_checkpoint(file)
    return file


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmCommands]:
    """A server of commands, whose libraries are imported once."""
    server = WarmCommands()
    yield server
    server.close()


def environment(**variables: str) -> dict[str, str]:
    """That of a command: nobody is logged in to W&B, lines are long, one thread computes."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WANDB")}
    return kept | {"NETRC": "/no/netrc", "COLUMNS": "200", "OMP_NUM_THREADS": "1", **variables}


@pytest.fixture
def command(warm: WarmCommands) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``irp-lightning VERB ARGUMENTS`` in a folder, in a process of its own, and wait."""

    def run(verb: str, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return warm.run([verb, *arguments], cwd, environment(**variables), timeout=300)

    return run


@pytest.fixture
def cold_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Start ``python -m irp_lightning VERB ARGUMENTS`` in a folder, as a user does, and wait."""

    def run(verb: str, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "irp_lightning", verb, *arguments],
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,  # nobody there to answer a prompt
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
