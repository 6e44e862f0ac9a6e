"""The studies: the sweeps they ask for, what they read of records, and the tables they publish."""

import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from common import sweeps
from common.inputs import Inputs, experiment
from common.tables import mean_sd, read_rows, write_rows
from PIL import Image
from study_scripts import EXPERIMENTS, count, script

from irp_lightning.data.contamination import draw_pool
from irp_lightning.data.dataset import read_images
from irp_lightning.runs.record import Record

pytestmark = pytest.mark.slow  # runs studies


def test_the_study_of_robustness_is_of_real_configurations() -> None:
    study = script("robustness/run")
    for model in study.MODELS:
        for category in study.CATEGORIES:
            overrides = study.overrides_of(category, model, Path("root"), Path("alexnet"), Path("out"))
            assert count(overrides) == 5 * 6 * 3
            assert overrides[-1].endswith(f"out/{model}-{category}")
            one = {o.split("=")[0]: o.split("=")[1].split(",")[0] for o in overrides}
            one = {k: v for k, v in one.items() if not k.startswith(("hydra", "backbone.weights"))}
            e = experiment(*(f"{key}={value}" for key, value in one.items()))
            assert e.model.title == model
            assert (e.data.split == "grouped") == (category == "magnetic_tile")


def test_a_dry_run_prints_commands_and_starts_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def start(*arguments: object, **named: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr("subprocess.run", start)
    for name in ("views/run", "sweeps/run"):
        given = ["--root", str(tmp_path), "--weights", "w.pth", "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["run.py", *given, "--dry-run", "hydra/launcher=ray_cpu"])
        with pytest.raises(SystemExit) as end:
            script(name).main()
        assert end.value.code == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines
        for line in lines:
            assert line.startswith("python -m irp_lightning.run -m +experiment=mtd_noise ")
            assert line.endswith(" hydra/launcher=ray_cpu") or "hydra/launcher=ray_cpu " in line
    assert not list(tmp_path.iterdir())


def test_rows_of_the_study_of_robustness_are_of_records(swept: Path) -> None:
    study = script("robustness/run")
    rows = {row["method"]: row for row in (study.row(r) for r in sweeps.records(swept))}
    assert set(rows) == {"none", "robust"}
    robust = rows["robust"]
    header = list(read_rows(EXPERIMENTS / "robustness" / "results.csv")[0])
    assert list(robust) == header
    assert (robust["model"], robust["category"], robust["noise"]) == ("gaussian", "fabric", 0.2)
    assert 0 <= robust["image_auroc"] <= 1
    assert robust["seconds_fit"] > 0


def test_the_published_tables_follow_from_the_measured_rows() -> None:
    report = script("robustness/report")
    published = (EXPERIMENTS / "robustness" / "tables.md").read_text(encoding="utf-8")
    assert published == report.text()
    steadiness = script("steadiness/run")
    readme = (EXPERIMENTS / "steadiness" / "README.md").read_text(encoding="utf-8")
    for line in steadiness.summary(read_rows(EXPERIMENTS / "steadiness" / "results.csv")):
        assert " | ".join(line[1:]) in readme
    paper = script("paper/measured")
    published = (paper.OUT / "tables.md").read_text(encoding="utf-8")
    assert published == paper.document(read_rows(paper.OUT / "results.csv"))


def test_what_is_timed_before_is_a_checkout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    versions = script("benchmarks/versions")
    monkeypatch.setattr(versions, "once", lambda *arguments: pytest.fail("something was timed"))
    monkeypatch.setattr(sys, "argv", ["versions.py", "--before", str(tmp_path)])
    with pytest.raises(SystemExit):
        versions.main()
    assert "is no checkout of this project" in capsys.readouterr().err


def test_the_tables_of_the_study_of_folders_follow_from_all_its_rows() -> None:
    readme = (EXPERIMENTS / "folders" / "README.md").read_text(encoding="utf-8")
    assert script("folders/report").text() in readme
    beside = script("folders/anomalib_threshold")
    assert beside.text(read_rows(beside.TABLE)) in readme


def test_anomalib_decides_by_the_highest_score_where_it_saw_no_defect(images: Path) -> None:
    pytest.importorskip("anomalib", reason="anomalib is not installed; it is no dependency")
    beside = script("folders/anomalib_threshold")
    files = sorted((images / "fabric/train/good").iterdir())[:10]  # those that it draws must be there
    seen = {str(file): (int(i > 5), float(i)) for i, file in enumerate(files)}
    scores = beside.columns_of(seen)[1]
    normal = {path: one for path, one in seen.items() if one[0] == 0}
    assert beside.decided(normal, scores).tolist() == [i > 5 for i in range(10)]
    assert beside.decided(seen, scores).tolist() == [i > 6 for i in range(10)]  # best F1 is at 6
    validated, judged = beside.drawn(seen, "test", seed=0)
    assert sorted(label for label, _ in validated.values()) == [0, 0, 0, 1, 1]
    assert {*validated, *judged} == {*seen}


def test_a_study_sees_images_as_a_run_does(images: Path, cache: Path, tmp_path: Path) -> None:
    """A camera's 12 bits in files of 16: both extractors know the bit depth and the settings."""
    shutil.copytree(images / "fabric", tmp_path / "fabric")
    for file in (tmp_path / "fabric").rglob("*.png"):
        if "ground_truth" not in file.parts:
            grey = np.asarray(Image.open(file).convert("L")).astype(np.uint16)
            Image.fromarray(grey * 16).save(file)
    inputs = Inputs(
        experiment(
            *("+experiment=demo", f"data.root={tmp_path}", "data.category=fabric", "backbone=random"),
            *("data.image_size=64", "patches.image_size=64", "patches.grid=4", "patches.width=9"),
            *("views.count=2", "views.n_transforms=2", "views.n_transforms_test=2", "refine=robust"),
            *("refine.scoring.views=3", "trainer.accelerator=cpu", f"cache_dir={cache}"),
        )
    )
    of_views, of_patches = inputs.extractors.detector.spec, inputs.extractors.removal.spec
    assert (of_views.bit_depth, of_patches.bit_depth) == (12, 12)
    assert inputs.features().scored(torch.arange(2)).shape[:2] == (2, 2)
    assert inputs.patches().scored(torch.arange(2)).shape == (2, 3 * 4 * 4, 9)


def test_a_sample_for_the_study_of_views_is_tested_whole_at_every_seed(
    images: Path, tmp_path: Path
) -> None:
    study = script("views/run")
    study.write_sample(images, "fabric", tmp_path, train=5, test=3)
    study.write_sample(images, "fabric", tmp_path, train=5, test=3)  # again: the same links
    groups = tmp_path / "fabric" / "groups.csv"
    e = experiment(f"data.root={tmp_path}", "data.category=fabric", f"data.groups={groups}")
    found = read_images(e.data)
    pools = [draw_pool(found, "published", "share", 0.0, seed) for seed in (0, 1)]
    assert pools[0].test == pools[1].test
    assert sorted(found.samples[i].label for i in pools[0].test) == [0, 0, 0, 1, 1, 1]
    assert len(pools[0].train) == 5
    assert all(sample.path.is_symlink() for sample in found.samples)


def test_the_study_of_views_reads_records_and_draws_them(swept: Path, tmp_path: Path) -> None:
    study = script("views/run")
    commands = study.commands([4, 8], [0, 1, 2], ["data.root=r"], tmp_path)
    assert [count(overrides) for overrides in commands] == [6, 3]
    (record, *_) = sweeps.records(swept)
    assert study.row(record) == {
        "views": 3,
        "seed": 0,
        "image_auroc": record.metrics["image_auroc"],
    }
    live = Record(record.folder, {**record.config, "features": {"cache": "live"}}, record.metrics)
    assert study.row(live)["views"] == "live"
    study.plot(read_rows(EXPERIMENTS / "views" / "results.csv"), tmp_path / "views.png")
    assert (tmp_path / "views.png").stat().st_size > 5000


def test_every_epoch_of_the_study_of_steadiness_is_a_round_without_removals() -> None:
    torch = pytest.importorskip("torch")
    from irp_lightning.refinement.build import build_pruning
    from irp_lightning.refinement.judgement import is_over, judge
    from irp_lightning.refinement.rounds import Round

    method = script("common/wander").watching(4)
    watching = build_pruning(method)
    scores, active = torch.tensor([1.0, 2.0, 3.0, 1e6]), torch.ones(4, dtype=torch.bool)
    before: list[Round] = []
    while len(before) < watching.max_rounds:
        found = judge(scores, active, watching)
        assert not found.removed.any()
        assert not is_over(found, before, watching.patience)
        before.append(
            Round(
                number=len(before),
                active=active,
                scores=scores,
                removed=found.removed,
                threshold=found.threshold,
                seconds=0.0,
            )
        )
    assert len(before) == 3


def test_equal_sweeps_are_equal_and_others_differ_by_name(swept: Path, tmp_path: Path) -> None:
    equal = script("sweeps/equal")
    other = shutil.copytree(swept, tmp_path / "other")
    assert equal.differences(swept, other) == []
    (first, second) = sorted(equal.cells(other))
    scores = other / first / "scores.csv"
    rows = read_rows(scores)
    write_rows(scores, [{**rows[0], "score": "0.5"}, *rows[1:]])
    shutil.rmtree(other / second)
    assert equal.differences(swept, other) == [f"{second}: only in one of them", f"{first}: scores"]
    with pytest.raises(SystemExit, match="holds no run"):
        equal.differences(swept, tmp_path / "not there")


def test_the_benchmark_of_sweeps_reads_cells_wherever_they_lie(swept: Path) -> None:
    sys.path.insert(0, str(EXPERIMENTS / "benchmarks"))
    rows = script("benchmarks/sweep").rows(swept)
    assert list(rows[0]) == list(read_rows(EXPERIMENTS / "benchmarks" / "results" / "sweep.csv")[0])
    assert [row["method"] for row in rows] == ["none", "robust"]
    assert all(0 < row["features share"] < 1 for row in rows)


def test_benchmarks_time_the_presets_as_they_are() -> None:
    sys.path.insert(0, str(EXPERIMENTS / "benchmarks"))
    training = script("benchmarks/training")
    widths = {name: training.preset(name).model.rest["hidden"] for name in training.PRESETS}
    assert widths == {"differnet_small": 128, "differnet": 2048}


def test_mean_and_sd_are_of_a_sample() -> None:
    assert mean_sd([1.0, 2.0], 2) == f"1.50 ± {math.sqrt(0.5):.2f}"
    assert mean_sd([1.0]) == "1.000"
    assert mean_sd([]) == "-"
