import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.contamination import TrainingPool
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.samples import UNLABELLED, Sample
from irp_lightning.evaluation.evaluation import Evaluation
from irp_lightning.evaluation.tables import removed_rows, round_rows, score_rows
from irp_lightning.foundation.errors import InputError
from irp_lightning.localisation.localisation import Localisation
from irp_lightning.refinement.rounds import Round
from irp_lightning.runs import results
from irp_lightning.runs.figures import removed_gallery, roc_curve, score_histograms
from irp_lightning.runs.folder import RunFolder
from irp_lightning.runs.manifest import as_written_today, manifest_text
from irp_lightning.runs.record import (
    LOADER,
    Photograph,
    Record,
    Unusable,
    figures_of,
    find_records,
    read_config,
    read_metrics,
    read_record,
)
from irp_lightning.runs.results import facts, write_evaluation


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Four normal images and two defective ones, of which one has a mask and one lies elsewhere."""
    root = tmp_path / "images"
    samples = [Sample(root / "ok" / f"{i}.png", f"good/{i}", "train") for i in range(4)]
    samples.append(
        Sample(root / "bad" / "0.png", "crack/0", "test", "crack", root / "bad" / "0 mask.png")
    )
    samples.append(Sample(tmp_path / "other" / "1.png", "crack/1", "test", "crack"))
    for i, sample in enumerate(samples):
        sample.path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 16), (40 * i, 0, 0)).save(sample.path)
    groups = [str(i // 2) for i in range(6)]
    hashes = [f"{i:032x}" for i in range(6)]
    return Dataset(
        samples=samples, groups=groups, hashes=hashes, skipped={"broken/9": "?"}, cropped_away=0
    )


POOL = TrainingPool(train=[4, 1, 0], injected=frozenset({4}), test=[2, 4, 5], dropped=[3])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_manifest_has_every_image_with_its_part_and_its_file(
    dataset: Dataset, tmp_path: Path
) -> None:
    text = manifest_text(dataset, POOL, tmp_path / "images")
    assert text.splitlines()[0] == "path,split,role,defect,label,group,file,mask,content"
    assert [tuple(row.values()) for row in rows(text)] == [
        ("good/0", "train", "normal", "good", "0", "0", "ok/0.png", "", f"{0:032x}"),
        ("good/1", "train", "normal", "good", "0", "0", "ok/1.png", "", f"{1:032x}"),
        ("crack/0", "train", "injected", "crack", "1", "2", "bad/0.png", "bad/0 mask.png", f"{4:032x}"),
        ("good/2", "test", "normal", "good", "0", "1", "ok/2.png", "", f"{2:032x}"),
        ("crack/0", "test", "held_out", "crack", "1", "2", "bad/0.png", "bad/0 mask.png", f"{4:032x}"),
        ("crack/1", "test", "held_out", "crack", "1", "2", "", "", f"{5:032x}"),
        ("good/3", "unused", "dropped", "good", "0", "1", "ok/3.png", "", f"{3:032x}"),
        ("broken/9", "unused", "skipped", "", "", "", "", "", ""),
    ]


def test_an_unlabelled_image_has_no_label_and_no_part_of_a_normal_one(
    dataset: Dataset, tmp_path: Path
) -> None:
    dataset.samples[:2] = [replace(sample, defect=UNLABELLED) for sample in dataset.samples[:2]]
    text = manifest_text(dataset, POOL, tmp_path / "images")
    parts = [(row["path"], row["role"], row["label"]) for row in rows(text)]
    assert parts[:3] == [
        ("good/0", "unlabelled", ""),
        ("good/1", "unlabelled", ""),
        ("crack/0", "injected", "1"),
    ]
    # An older version called them normal: what it has begun goes on.
    older = text.replace(",unlabelled,unlabelled,,", ",normal,unlabelled,0,")
    assert older != text
    assert as_written_today(older) == text == as_written_today(text)


def record(folder: Path, root: Path, manifest: str) -> Record:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.csv").write_text(manifest)
    return Record(folder, {"data": {"root": str(root)}}, {})


def test_a_photograph_is_found_where_the_root_lies_now(dataset: Dataset, tmp_path: Path) -> None:
    manifest = manifest_text(dataset, POOL, tmp_path / "images")
    found = record(tmp_path / "run", Path("/moved"), manifest)
    assert found.photograph("crack/0") == Photograph(
        Path("/moved/bad/0.png"), Path("/moved/bad/0 mask.png")
    )
    assert found.photograph("good/3") == Photograph(Path("/moved/ok/3.png"), None)
    for name in ("crack/1", "broken/9", "of another run", ""):
        assert found.photograph(name) is None


@pytest.mark.parametrize("file", ["../secret.png", "/etc/passwd", "", "a/../../b.png", ".", ".."])
def test_a_table_leads_to_no_file_outside_the_root(file: str, tmp_path: Path) -> None:
    found = record(tmp_path, tmp_path, f"path,file,mask\nx,{file},\ny,y.png,{file}\n")
    assert found.photograph("x") is None
    assert found.photograph("y") == Photograph(tmp_path / "y.png", None)


@pytest.mark.parametrize("name", ["bit_depth", "depth"])  # the second is the older name
def test_a_photograph_has_the_bit_depth_of_its_run(name: str, tmp_path: Path) -> None:
    metrics = {"dataset": {name: {"integers": 12, "floats": 0}}}
    found = replace(record(tmp_path, tmp_path, "path,file,mask\nx,x.png,\n"), metrics=metrics)
    photograph = found.photograph("x")
    assert photograph is not None
    assert photograph.bit_depth == {"integers": 12, "floats": 0}


@pytest.mark.parametrize("content", ["", "path,label\nx,1\n", "a\n1\n", "path,file\nx\n", '"', "\0"])
def test_an_older_or_damaged_manifest_has_no_photographs(content: str, tmp_path: Path) -> None:
    assert record(tmp_path, tmp_path, content).photograph("x") is None
    assert Record(tmp_path / "none", {}, {}).photograph("x") is None


def evaluated(dataset: Dataset, localised: list[str]) -> Evaluation:
    removed = torch.tensor([True, False, False])
    scores = torch.tensor([3.0, 1.0, 1.5])
    test_scores = torch.tensor([1.0, 2.0, 4.0])
    nobody = torch.zeros(3, dtype=torch.bool)
    maps = torch.rand(len(localised), 8, 8)
    rounds = [
        Round(number=0, active=~nobody, scores=scores, removed=removed, threshold=2.25, seconds=1.0),
        Round(
            number=1,
            active=~removed,
            scores=scores.where(~removed, torch.nan),
            test_scores=test_scores,
            removed=nobody,
            seconds=1.0,
        ),
    ]
    train, test = ([dataset.samples[i] for i in part] for part in (POOL.train, POOL.test))
    labels, test_labels = (torch.tensor([s.label for s in part]) for part in (train, test))
    return Evaluation(
        train=train,
        test=test,
        rounds=rounds,
        test_scores=test_scores,
        figures={},
        round_rows=round_rows(rounds, labels, test_labels),
        removed_rows=removed_rows(rounds, train),
        score_rows=score_rows(test, test_scores),
        localisation=Localisation(
            names=localised,
            defects=["crack"] * len(localised),
            images=torch.zeros(len(localised), 3, 8, 8, dtype=torch.uint8),
            maps=maps,
            masks=maps > 0.5,
            pixel_auroc=None,
            aupro=None,
        ),
    )


@pytest.mark.parametrize("localised", [["crack/1", "good/2"], []])
def test_what_was_found_out_is_written(
    localised: list[str], dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, draw = [], results.heat_maps

    def drawn(found: Localisation, scores: torch.Tensor) -> Any:
        given.append(scores.tolist())
        return draw(found, scores)

    monkeypatch.setattr(results, "heat_maps", drawn)
    write_evaluation(RunFolder(tmp_path / "run"), evaluated(dataset, localised))
    figures = {"scores.png", "roc.png", "removed.png", *(["heat_maps.png"] if localised else [])}
    assert {file.name for file in (tmp_path / "run" / "figures").iterdir()} == figures
    assert given == ([[4.0, 1.0]] if localised else [])  # of the images by their names
    found = Record(tmp_path / "run", {}, {})
    assert [row["removed_bad"] for row in found.rounds()] == ["1", "0"]
    assert [(row["path"], row["round"], row["score"]) for row in found.removed()] == [
        ("crack/0", "0", "3.0")
    ]
    assert [row["score"] for row in found.scores()] == ["1.0", "2.0", "4.0"]


def test_of_unlabelled_images_is_told_how_many_went_and_not_which_were_normal(
    dataset: Dataset, tmp_path: Path
) -> None:
    found = evaluated(dataset, [])
    train = [replace(sample, defect=UNLABELLED) for sample in found.train]
    test_labels = torch.zeros(3, dtype=torch.long)
    (first, second) = round_rows(found.rounds, None, test_labels)
    assert (first["removed"], second["removed"]) == (1, 0)
    for row in (first, second):
        assert [row[c] for c in ("removed_good", "removed_bad", "detection_auroc")] == [None] * 3
    (gone,) = removed_rows(found.rounds, train)
    assert (gone["label"], gone["defect"]) == (None, UNLABELLED)
    picture = score_histograms(found.rounds, train)
    assert [text.get_text() for text in picture.axes[0].get_legend().get_texts()] == [
        "unlabelled",
        "threshold",
    ]
    gallery = removed_gallery([gone], train)
    assert gallery.get_suptitle() == "removed: 1 unlabelled (grey)"
    mixed = [train[0], *found.train[1:]]
    legend = score_histograms(found.rounds, mixed).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["normal", "unlabelled", "threshold"]


def test_no_curve_is_drawn_of_test_images_of_one_kind() -> None:
    scores = torch.tensor([1.0, 2.0])
    assert roc_curve(scores, torch.tensor([0, 1])) is not None
    assert roc_curve(scores, torch.tensor([0, 0])) is None
    assert roc_curve(torch.empty(0), torch.empty(0, dtype=torch.long)) is None


def test_the_figures_repeat_what_the_run_is_of(experiment: Callable[..., Experiment]) -> None:
    found = facts(experiment("refine=irp", "lam=2", "seed=7", "+experiment=mvtec_noise"))
    assert found == {
        "method": "irp",
        "model": "differnet_small",
        "backbone": "random",
        "removal_backbone": None,
        "contamination": "share",
        "lam": 2,
        "k": 2,
        "category": "fabric",
        "seed": 7,
        "noise_requested": 0.2,
    }


@pytest.mark.parametrize("overrides", [["refine=none"], ["refine=robust", "refine/rule=otsu"]])
def test_a_method_without_a_parameter_has_no_k(
    overrides: list[str], experiment: Callable[..., Experiment]
) -> None:
    assert facts(experiment(*overrides))["k"] is None


def write_run(folder: Path, metrics: dict[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 1\n")
    content = {"status": "complete", "image_auroc": 0.5, "seconds": {"fit": 1}, **(metrics or {})}
    (folder / "metrics.json").write_text(json.dumps(content))
    for name in ("manifest", "rounds", "removed", "scores"):
        (folder / f"{name}.csv").write_text("path,seconds,file,mask\nx,1,y,z\n")
    return folder


def test_a_finished_run_is_read(tmp_path: Path) -> None:
    found = read_record(write_run(tmp_path / "a"))
    assert isinstance(found, Record)
    assert (found.folder, found.config) == (tmp_path / "a", {"seed": 1})
    assert found.metrics == read_metrics(tmp_path / "a")
    assert read_config(tmp_path / "a") == {"seed": 1}
    assert found.manifest() == [{"path": "x", "seconds": "1", "file": "y", "mask": "z"}]


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_config(tmp_path) is None
    assert read_metrics(tmp_path) == {}
    assert read_record(tmp_path) == Unusable(
        tmp_path, "unfinished", "stopped, or still running: it has no metrics.json"
    )
    with pytest.raises(InputError, match="holds no run"):
        find_records(tmp_path)


@pytest.mark.parametrize("content", [b"", b"a: [", b"- 1", b"\xff\xfe\x00", b"!!python/object:os.x y"])
def test_an_unreadable_configuration_is_named(content: bytes, tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    (tmp_path / "a" / "config.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"config\.yaml cannot be read \(.+\); set another run folder"):
        read_config(tmp_path / "a")
    found = read_record(tmp_path / "a")
    assert isinstance(found, Unusable)
    assert found.status == "unreadable"
    assert "\n" not in found.reason


def test_runs_are_found_in_order_and_what_others_keep_inside_is_none(tmp_path: Path) -> None:
    for name in ("b", "a/x"):
        write_run(tmp_path / name)
    write_run(tmp_path / "c", {"status": "failed", "error": "it\nbroke"})
    write_run(tmp_path / "b" / "wandb" / "files")
    found = find_records(tmp_path)
    assert [r.folder for r in found.records] == [tmp_path / "a" / "x", tmp_path / "b"]
    assert found.unusable == [Unusable(tmp_path / "c", "failed", "it broke")]


def test_equal_runs_have_equal_figures(tmp_path: Path) -> None:
    a = read_record(write_run(tmp_path / "a"))
    b = read_record(write_run(tmp_path / "b", {"seconds": {}, "resumed": True, "versions": {}}))
    c = read_record(write_run(tmp_path / "c", {"image_auroc": 0.6}))
    assert isinstance(a, Record)
    assert isinstance(b, Record)
    assert isinstance(c, Record)
    # An older manifest does not say where images lie, and a table of rounds has other seconds.
    (b.folder / "manifest.csv").write_text("path\nx\n")
    (b.folder / "rounds.csv").write_text("path,seconds\nx,2\n")
    # An older version does not count what follows from other figures.
    (a.folder / "rounds.csv").write_text("path,seconds,removed\nx,1,3\n")
    a.metrics["removed"] = 3
    assert figures_of(a) == figures_of(b) != figures_of(c)
    for name in ("manifest", "rounds", "removed", "scores"):
        other = read_record(write_run(tmp_path / name))
        assert isinstance(other, Record)
        (other.folder / f"{name}.csv").write_text("path\nz\n")
        assert figures_of(other) != figures_of(a)


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
def test_a_thousand_configurations_do_not_wait_for_pythons_loader() -> None:
    assert LOADER is yaml.CSafeLoader


@pytest.mark.parametrize(
    "module", ["runs.record", "comparison.report", "commands.compare", "commands.bank"]
)
def test_reading_needs_no_torch(module: str) -> None:
    code = f"import irp_lightning.{module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
