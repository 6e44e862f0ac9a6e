"""Any detector under any refinement, with the real configuration, on small images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from run_files import metrics, rows

from irp_lightning.api import Detector
from irp_lightning.commands.run import run_composed as run
from irp_lightning.comparison.budget import budget_of
from irp_lightning.data.dataset import Dataset
from irp_lightning.evaluation.gap_closure import LEAST_GAP
from irp_lightning.pipeline import inputs
from irp_lightning.refinement import folds
from irp_lightning.refinement.scorers import cross_fit
from irp_lightning.runs.record import Record, read_record

pytestmark = pytest.mark.slow  # a whole run for each detector and scorer

Config = Callable[..., DictConfig]


@pytest.mark.parametrize("model", ["gaussian", "knn"])
@pytest.mark.parametrize("refine", ["robust", "irp", "oracle"])
def test_detectors_without_gradients_run_and_predict(
    config: Config, images: Path, tmp_path: Path, model: str, refine: str
) -> None:
    folder = tmp_path / "run"
    run(config("+experiment=demo", f"model={model}", f"refine={refine}", "lam=1.05"), folder)
    m = metrics(folder)
    assert m["status"] == "complete"
    assert m["model"] == model
    if refine == "irp":
        assert m["removed_good"] + m["removed_bad"] == m["rounds"]  # one a round
    scores = rows(folder / "scores.csv")
    predicted = Detector.load(folder).score([images / "fabric" / row["path"] for row in scores])
    expected = torch.tensor([float(row["score"]) for row in scores])
    torch.testing.assert_close(predicted, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scoring", ["mutual", "cross_fit"])
def test_out_of_sample_rounds_come_before_the_fit(config: Config, tmp_path: Path, scoring: str) -> None:
    rounds_of = ("refine/rule=false_discovery", "refine.rule.k=0.5", "refine.max_rounds=3")
    run(config("+experiment=demo", f"refine/scoring={scoring}", *rounds_of), tmp_path)
    m, rounds = metrics(tmp_path), rows(tmp_path / "rounds.csv")
    assert m["removed_good"] + m["removed_bad"] > 0
    assert len(rounds) == m["rounds"] + 1 > 2
    assert all(row["image_auroc"] == "" for row in rounds[:-1])
    found = [float(row["detection_auroc"]) for row in rounds if row["detection_auroc"]]
    assert found  # it is empty once no defect is left
    assert all(0 <= area <= 1 for area in found)
    assert float(rounds[-1]["image_auroc"]) == m["image_auroc"]
    assert float(rounds[0]["detection_auroc"]) == m["detection_auroc"]
    curves = (tmp_path / "logs" / "metrics.csv").read_text().splitlines()[0]
    assert "round/detection_auroc" in curves
    assert (tmp_path / "figures" / "scores.png").stat().st_size > 0


@pytest.mark.parametrize("scoring", ["in_sample", "mutual", "cross_fit"])
def test_labels_never_reach_refinement(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scoring: str
) -> None:
    """Whatever the training labels say, the same images are removed, with the same scores."""
    k = "refine.rule.k=1.01" if scoring == "in_sample" else "refine.rule.k=0.5"
    rule = "refine/rule=lambda_median" if scoring == "in_sample" else "refine/rule=lower_mad"
    cfg = config("+experiment=demo", "refine=irp_all", f"refine/scoring={scoring}", rule, k)
    run(cfg, tmp_path / "true")
    draw = inputs.draw_pool

    def mislabelled(images: Dataset, *rest: Any) -> Any:
        pool = draw(images, *rest)
        images.samples[:] = [replace(s, defect="good" if s.label else "turned") for s in images.samples]
        return replace(pool, injected=frozenset(pool.train) - pool.injected)

    monkeypatch.setattr(inputs, "draw_pool", mislabelled)
    run(cfg, tmp_path / "turned")
    true, other = (rows(tmp_path / name / "removed.csv") for name in ("true", "turned"))
    assert true
    assert all(r["label"] != s["label"] for r, s in zip(true, other, strict=True))
    for key in ("path", "round", "score", "threshold"):
        assert [r[key] for r in true] == [r[key] for r in other]


def test_references_give_the_gap_closure(config: Config, tmp_path: Path) -> None:
    areas = {}
    for refine in ("none", "oracle"):
        folder = tmp_path / refine
        areas[refine] = run(config("+experiment=demo", f"refine={refine}"), folder)["image_auroc"]
    run(config("+experiment=demo", "refine=irp", "references=true"), tmp_path / "irp")
    m = metrics(tmp_path / "irp")
    # The same figures as runs of their own give, since seeds are the same.
    assert m["vanilla_auroc"] == areas["none"]
    assert m["oracle_auroc"] == areas["oracle"]
    assert "references" in m["seconds"]
    assert m["epochs_trained"] == 3 + m["rounds"]
    record = read_record(tmp_path / "irp")
    assert isinstance(record, Record)
    older = {key: value for key, value in m.items() if key != "epochs_trained"}
    assert budget_of(record.config, older).epochs == m["epochs_trained"]
    if m["oracle_auroc"] - m["vanilla_auroc"] >= LEAST_GAP:
        closed = (m["image_auroc"] - m["vanilla_auroc"]) / (m["oracle_auroc"] - m["vanilla_auroc"])
        assert m["gap_closure"] == pytest.approx(closed)
        assert rows(tmp_path / "irp" / "rounds.csv")[-1]["gap_closure"] != ""
    else:
        assert m["gap_closure"] is None


def test_defects_are_localised(config: Config, tmp_path: Path) -> None:
    run(config("+experiment=demo", "localise=4", "epochs=1"), tmp_path)
    m = metrics(tmp_path)
    assert m["localised_images"] == 4
    assert 0 <= m["pixel_auroc"] <= 1
    assert 0 <= m["aupro"] <= 1
    assert (tmp_path / "figures" / "heat_maps.png").stat().st_size > 0


def test_folds_keep_known_groups_together(
    config: Config, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(p.name for p in (images / "fabric" / "train" / "good").iterdir())
    lines = [f"train/good/{name},pair-{k // 2}" for k, name in enumerate(names)]
    (tmp_path / "groups.csv").write_text("\n".join(["path,group", *lines]))
    seen = []
    draw = folds.draw_folds

    def watched(groups: torch.Tensor, count: int, seed: int) -> torch.Tensor:
        seen.append(groups)
        return draw(groups, count, seed)

    monkeypatch.setattr(cross_fit, "draw_folds", watched)
    settings = f"data.groups={tmp_path}/groups.csv", "epochs=1", "refine/scoring=cross_fit"
    run(config("+experiment=demo", *settings), tmp_path / "run")
    assert sorted(torch.bincount(seen[0]).tolist())[-8:] == [2] * 8  # eight pairs of normal images


@pytest.mark.parametrize("override", ["features.cache=live", "views.n_transforms_test=2"])
def test_what_is_fitted_in_one_pass_sees_the_views_that_are_scored(
    config: Config, tmp_path: Path, override: str
) -> None:
    found = run(config("+experiment=demo", "model=gaussian", "refine=none", override), tmp_path)
    assert found["image_auroc"] is not None


@pytest.mark.parametrize("mode", ["memory", "live"])
def test_robust_with_the_other_feature_sources(config: Config, tmp_path: Path, mode: str) -> None:
    cfg = config("+experiment=demo", f"features.cache={mode}", "epochs=1", "refine.rule.k=0.5")
    assert run(cfg, tmp_path)["image_auroc"] is not None
    assert metrics(tmp_path)["removed_good"] + metrics(tmp_path)["removed_bad"] > 0


def test_robust_where_features_do_not_fit_into_memory(config: Config, tmp_path: Path) -> None:
    overrides = ("+experiment=demo", "epochs=1", "refine.rule.k=0.5")
    for name, limit in (("files", 1e-6), ("memory", 1)):
        run(config(*overrides, f"features.memory_limit_gb={limit}"), tmp_path / name)
    files, memory = (rows(tmp_path / name / "removed.csv") for name in ("files", "memory"))
    assert files
    assert [r["path"] for r in files] == [r["path"] for r in memory]


def test_no_rounds_remove_nothing(config: Config, tmp_path: Path) -> None:
    run(config("+experiment=demo", "epochs=1", "refine.max_rounds=0", "refine.rule.k=0.1"), tmp_path)
    assert metrics(tmp_path)["removed_good"] + metrics(tmp_path)["removed_bad"] == 0
