"""Synthetic run folders: figures that a test makes up, in the files that a run leaves behind."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from omegaconf import OmegaConf

from irp_lightning.comparison.names import with_titles
from irp_lightning.comparison.runs import Run, read_runs
from irp_lightning.config.compose import CONF

WriteRun = Callable[..., Path]
Removed = Sequence[tuple[str, int, str]]


def _block(group: str, name: str) -> dict[str, Any]:
    own: Any = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{name}.yaml"), resolve=False)
    for entry in own.pop("defaults", []):
        if isinstance(entry, str):
            own = _block(group, entry) | own
            continue
        ((key, choice),) = entry.items()
        below, _, package = key.partition("@")
        own = {
            package or below: _block(below[1:] if below[0] == "/" else f"{group}/{below}", choice)
        } | own
    return own


def _mvtec(category: str, path: str) -> tuple[str, str]:
    """Where an image and its mask lie below the root, in the MVTec layout."""
    name = PurePosixPath(path)
    mask = f"{category}/ground_truth/{name.parent.name}/{name.stem}_mask.png"
    return f"{category}/{path}", "" if name.parent.name == "good" else mask


@pytest.fixture(scope="session")
def write_run_to() -> WriteRun:
    """Write a synthetic run folder; the blocks of its configuration are those of the real ``conf/``.

    ``files`` tells by class and name where an image and its mask lie; None: an older manifest does not.
    """

    def write(
        folder: Path,
        refine: str = "irp",
        noise: float = 0.2,
        seed: int = 0,
        auroc: float | None = 0.8,
        category: str = "tile",
        model: str = "gaussian",
        lam: float = 1.5,
        removed: Removed = (),
        root: str = "data/mvtec",
        reader: str = "mvtec",
        train_images: int = 100,
        files: Callable[[str, str], tuple[str, str]] | None = _mvtec,
        dataset: Any = None,
        test_images: int | None = None,
        **overrides: Any,
    ) -> Path:
        folder.mkdir(parents=True)
        config = OmegaConf.create(
            {
                "data": _block("data", reader) | {"root": root, "category": category},
                "contamination": {"kind": "share"},
                "backbone": _block("backbone", "squeezenet1_1"),
                "model": _block("model", model),
                "refine": _block("refine", refine),
                "trainer": {"accelerator": "cpu"},
                "noise": noise,
                "lam": lam,
                "seed": seed,
                "epochs": 40,
                "max_rounds": 20,
                "round_epochs": 2,
                "batch_size": 32,
                "views": {"count": 8, "seed": 0},
                "features": {"cache": "bank", "dtype": "float32", "workers": None},
                "cache_dir": "cache",
            }
        )
        for key, value in overrides.items():
            OmegaConf.update(config, key.replace("__", "."), value)
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
        bad = sum(label for _, label, _ in removed)
        metrics = {
            "status": "complete",
            "image_auroc": auroc,
            "noise_requested": noise,
            "noise_achieved": noise,
            "train_images": train_images,
            "removed_bad": bad,
            "removed_good": len(removed) - bad,
            "rounds": 1,
            "seconds": {"fit": 1.5, "read": 0.5},
        }
        if dataset is not None:
            metrics["dataset"] = dataset
        if test_images is not None:
            metrics["test_images"] = test_images
        (folder / "metrics.json").write_text(json.dumps(metrics))
        with (folder / "removed.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "label", "defect", "round", "score", "threshold"])
            writer.writerows([path, label, defect, 0, 1.0, 0.5] for path, label, defect in removed)
        with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            columns = ["path", "split", "role", "defect", "label", "group"]
            writer.writerow([*columns, "file", "mask"] if files else columns)
            for path, label, defect in removed:
                role = "injected" if label else "normal"
                where = files(category, path) if files else ()
                writer.writerow([path, "train", role, defect, label, path, *where])
        return folder

    return write


@pytest.fixture
def write_run(write_run_to: WriteRun, sweep: Path) -> WriteRun:
    """Write a synthetic run folder of a name below ``sweep``."""
    return lambda name, *arguments, **named: write_run_to(sweep / name, *arguments, **named)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return tmp_path / "sweep"


@pytest.fixture
def titled(sweep: Path) -> Callable[[], list[Run]]:
    """The runs that were written, with their titles."""
    return lambda: with_titles(read_runs(sweep)[0])
