"""The scripts of the studies, and small sweeps for them to read."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
sys.path[:0] = [str(EXPERIMENTS), str(EXPERIMENTS / "paper")]

from common import sweeps  # noqa: E402

from irp_lightning.sweeps.cells import list_cells  # noqa: E402


def script(name: str) -> ModuleType:
    """A script by its path: several have the same file name."""
    spec = importlib.util.spec_from_file_location(name.replace("/", "_"), EXPERIMENTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def count(overrides: list[str]) -> int:
    return len(list_cells(overrides, lambda job: []))


def sweep(folder: Path, images: Path, cache: Path, *overrides: str) -> Path:
    """A small sweep of the product's own."""
    usual = [
        *(f"data.root={images}", "data.category=fabric", "data.image_size=64", "backbone=random"),
        *("views.count=3", "views.n_transforms=2", "batch_size=8", "logger=csv", "noise=0.2"),
        *("trainer.accelerator=cpu", f"cache_dir={cache}", f"hydra.sweep.dir={folder}"),
    ]
    assert sweeps.run([[*usual, *overrides]], dry_run=False) == 0
    return folder
