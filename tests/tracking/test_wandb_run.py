"""Offline runs, read back as a dashboard would see them."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from irp_lightning.data.samples import Sample
from irp_lightning.evaluation.tables import removed_rows
from irp_lightning.refinement.rounds import Round
from irp_lightning.tracking import wandb_run
from irp_lightning.tracking.wandb_run import (
    FINAL,
    artifact_name,
    histogram,
    show_files,
    show_removed,
    tags_of,
)

pytestmark = pytest.mark.slow  # runs that log to W&B offline

Record = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    folder: Path
    records: list[Record]
    summary: Record

    def of(self, kind: str) -> list[Record]:
        return [r[kind] for r in self.records if r["type"] == kind]

    @property
    def history(self) -> list[Record]:
        return [item["item"] for item in self.of("history")]

    def artifact(self, kind: str) -> Record:
        (found,) = [a for a in self.of("artifact") if a["type"] == kind]
        return found

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def cells(images: Path, cache: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    """Two runs of one sweep, in one process."""
    where = tmp_path_factory.mktemp("sweep")
    for name in ("home", "tmp"):
        (home / name).mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "XDG"))}
    environment |= {"HOME": str(home / "home"), "TMPDIR": str(home / "tmp"), "NETRC": "/no/netrc"}

    def python(*arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(
            command, cwd=where, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "deprecat" not in done.stderr.lower()
        return done.stdout

    python(
        *("irp_lightning.run", "-m", "+experiment=mvtec_noise", "seed=0,1", "noise=0.3"),
        *(f"data.root={images}", "data.category=fabric", "data.image_size=64", "backbone=random"),
        *("model=differnet_small", "model.hidden=16", "model.n_blocks=2", "views.count=3"),
        *("views.n_transforms=2", "epochs=2", "refine=irp_all", "lam=1.0", "max_rounds=2"),
        *("round_epochs=1", "batch_size=8", "trainer.accelerator=cpu", f"cache_dir={cache}"),
        *("logger=wandb", "logger.wandb.tags=[mine,fabric]", "logger.wandb.group=mvtec_noise/sweep"),
        *("hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}"),
    )
    assert not list((home / "tmp").glob("*wandb*"))
    assert not list((home / "home").rglob("*wandb*"))
    found = []
    for folder in sorted((where / "sweep").iterdir()):
        if not (folder / "metrics.json").is_file():
            continue
        (run,) = (folder / "wandb").glob("offline-run-*")
        lines = python("wandb", "leet", "inspect", "--json", str(run)).splitlines()
        summary = python("wandb", "leet", "inspect", "--summary", "--json", str(run))
        found.append(Cell(folder, [json.loads(line) for line in lines], json.loads(summary)))
    assert len(found) == 2
    return found


def test_runs_can_be_grouped_and_filtered(cells: list[Cell]) -> None:
    for cell in cells:
        (run,) = cell.of("run")
        assert run["project"] == "irp_lightning"
        assert run["run_group"] == "mvtec_noise/sweep"
        assert run["job_type"] == "irp_all"
        assert run["tags"] == ["mine", "fabric", "differnet_small", "random", "share"]
        assert run["display_name"] == cell.folder.name
        assert cell.summary["state"] == "finished"
    assert cells[0].summary["run_id"] != cells[1].summary["run_id"]


def test_the_configuration_is_there_once(cells: list[Cell]) -> None:
    config = cells[1].summary["config"]
    # Nested names become columns `data.category`, `refine.rule.k`; nothing has a dot of its own.
    assert config["data"]["category"] == "fabric"
    assert config["refine"]["rule"]["k"] == config["lam"] == 1.0
    assert config["seed"] == 1
    assert not [key for key in config if "." in key or "/" in key]
    assert config.keys() & config["model"].keys() == {"name"}  # Lightning would have added them


def test_the_summary_is_the_last_value(cells: list[Cell]) -> None:
    for cell in cells:
        metrics = json.loads((cell.folder / "metrics.json").read_text())
        summary = cell.summary["summary"]
        for key in FINAL:
            assert summary.get(key) == metrics[key]
        assert summary["noise_requested"] == 0.3
        for key in ("method", "category", "rounds", "converged", "noise_achieved"):
            assert summary[key] == metrics[key]
        assert not any("summary" in metric for metric in cell.of("metric"))


def test_curves_have_their_axes(cells: list[Cell]) -> None:
    axes = {m.get("glob_name") or m["name"]: m.get("step_metric") for m in cells[0].of("metric")}
    assert axes["round/*"] == "round"
    assert axes["train/*"] == "trainer/global_step"
    assert axes["image_auroc"] == "noise_requested"
    losses = [item for item in cells[0].history if "train/loss" in item]
    assert len(losses) >= 3
    assert all("trainer/global_step" in item for item in losses)
    (last,) = [item for item in cells[0].history if "image_auroc" in item]
    assert last["noise_requested"] == 0.3


def test_each_round_has_its_figures_and_a_histogram(cells: list[Cell]) -> None:
    for cell in cells:
        rows = cell.rows("rounds.csv")
        shown = [item for item in cell.history if "round" in item]
        assert len(shown) == len(rows) > 1
        for row, item in zip(rows, shown, strict=True):
            assert item["round"] == int(row["round"])
            for key in ("active", "removed_good", "removed_bad", "image_auroc", "threshold"):
                assert item[f"round/{key}"] == pytest.approx(float(row[key]))
            assert sum(item["round/scores.values"]) == int(row["active"])


def test_test_scores_have_histograms(cells: list[Cell]) -> None:
    summary, scores = cells[0].summary["summary"], cells[0].rows("scores.csv")
    for name, label in (("normal", "0"), ("defective", "1")):
        count = sum(row["label"] == label for row in scores)
        assert sum(summary[f"test_scores/{name}"]["values"]) == count


def test_removed_images_are_a_table_with_pictures(cells: list[Cell]) -> None:
    for cell in cells:
        removed = cell.rows("removed.csv")
        assert removed
        link = cell.summary["summary"]["removed_images"]
        assert link["nrows"] == len(removed)
        files = {e["path"]: Path(e["local_path"]) for e in entries(cell.artifact("run_table"))}
        table = json.loads(files["removed_images.table.json"].read_text())
        assert table["columns"] == ["image", *removed[0]]
        assert [row[1] for row in table["data"]] == [row["path"] for row in removed]
        assert [str(row[2]) for row in table["data"]] == [row["label"] for row in removed]
        for row in table["data"]:
            with Image.open(files[row[0]["path"]]) as picture:
                assert max(picture.size) <= 160
        assert cell.summary["summary"]["removed_images_shown"] == f"{len(removed)} of {len(removed)}"


def entries(artifact: Record) -> list[Record]:
    return artifact["manifest"]["contents"]


def test_manifest_and_checkpoint_are_artifacts(cells: list[Cell]) -> None:
    for cell in cells:
        dataset, model = cell.artifact("dataset"), cell.artifact("model")
        assert dataset["name"] == "manifest-fabric"
        assert json.loads(dataset["metadata"])["noise_requested"] == 0.3
        assert model["name"] == f"checkpoint-{cell.summary['run_id']}"
        (manifest,), (checkpoint,) = entries(dataset), entries(model)
        assert Path(manifest["local_path"]).read_bytes() == (cell.folder / "manifest.csv").read_bytes()
        # Not a second copy of it.
        assert Path(checkpoint["local_path"]) == cell.folder / "checkpoints" / "last.ckpt"


def test_all_payloads_lie_in_the_run_folder(cells: list[Cell]) -> None:
    for cell in cells:
        files = [Path(e["local_path"]) for a in cell.of("artifact") for e in entries(a)]
        assert len(files) > 3
        assert all(file.is_file() and file.is_relative_to(cell.folder) for file in files)


def test_the_checkpoint_may_stay_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    logged: list[Any] = []
    run: Any = SimpleNamespace(id="i", log_artifact=logged.append)
    show_files(run, Path(__file__), None, {"category": "fabric"})
    assert [artifact.type for artifact in logged] == ["dataset"]


def test_tags_are_short_and_there_once() -> None:
    facts = {"model": "my.Detector", "backbone": "x" * 100, "category": "tile", "contamination": "share"}
    assert tags_of(["tile", "", "3"], facts) == ["tile", "3", "my.Detector", "x" * 64, "share"]


def test_artifact_names_are_ones_that_wandb_takes() -> None:
    name = artifact_name("manifest", "a/b: ü" + "x" * 200)
    assert name.startswith("manifest-a-b-x")
    assert len(name) == 128


def test_histograms_leave_out_what_is_no_number() -> None:
    found = histogram(torch.tensor([1.0, 2.0, float("nan"), float("inf"), 3e38]))
    assert found is not None
    assert sum(found.histogram) == 3
    assert histogram(torch.tensor([float("nan")])) is None
    assert histogram(torch.tensor([])) is None


def test_of_many_removed_images_the_first_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wandb_run, "MOST_REMOVED", 2)
    names = ["<b>$a$</b>.png", "ü, 'b'.png", "c.png"]
    for name in ("x", "y", "z"):
        Image.new("RGB", (400, 100)).save(tmp_path / f"{name}.png")
    samples = [
        Sample(tmp_path / f"{file}.png", name, "train") for file, name in zip("xyz", names, strict=True)
    ]
    everything = torch.ones(3, dtype=torch.bool)
    rounds = [
        Round(
            number=0,
            active=everything,
            scores=torch.tensor([3.0, 2.0, 1.0]),
            removed=everything,
            threshold=0.5,
            seconds=0.0,
        )
    ]
    run: Any = SimpleNamespace(logged={}, summary={})
    run.log = run.logged.update
    show_removed(run, removed_rows(rounds, samples), samples)
    table = run.logged["removed_images"]
    assert [row[1] for row in table.data] == names[:2]  # names are data
    assert run.summary["removed_images_shown"] == "2 of 3"
