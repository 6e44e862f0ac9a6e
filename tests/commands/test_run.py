"""The whole path, with the real configuration, on small images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from PIL import Image
from run_files import metrics, rows

from irp_lightning.commands.run import run_composed as run
from irp_lightning.config.compose import CONF, checked
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.detectors.prediction import score_files

Config = Callable[..., DictConfig]


@pytest.mark.parametrize("experiment", ["demo", "mvtec_noise"])
@pytest.mark.parametrize("refine", ["none", "osr", "irp", "irp_all", "robust", "oracle"])
def test_every_method_leaves_a_whole_run_folder(
    config: Config, tmp_path: Path, refine: str, experiment: str
) -> None:
    returned = run(config(f"+experiment={experiment}", f"refine={refine}", "lam=1.05"), tmp_path)
    m = metrics(tmp_path)
    assert m == json.loads(json.dumps(returned))
    assert m["status"] == "complete"
    assert 0 <= m["image_auroc"] <= 1
    assert 0 <= m["image_ap"] <= 1
    assert m["method"] == refine
    assert m["noise_requested"] == (0.25 if experiment == "demo" else 0.2)
    assert m["noise_achieved"] == pytest.approx(m["noise_requested"], abs=0.03)
    assert set(m["seconds"]) == {"read", "features", "fit", "evaluate"}
    assert m["versions"]["torch"] == torch.__version__.split("+")[0]
    assert {"timm", "numpy", "scipy", "pillow", "scikit-learn"} <= m["versions"].keys()
    assert m["removal_backbone"] == ("tf_efficientnet_lite0" if refine == "robust" else None)

    manifest, rounds, removed = (
        rows(tmp_path / f"{name}.csv") for name in ("manifest", "rounds", "removed")
    )
    train = [row for row in manifest if row["split"] == "train"]
    assert len(train) == m["train_images"]
    assert {row["role"] for row in train} == {"normal", "injected"}
    assert all((row["role"] == "injected") == (row["label"] == "1") for row in train)
    assert len(rounds) == m["rounds"] + 1
    assert sum(int(r["removed_bad"]) for r in rounds) == m["removed_bad"]
    assert len(removed) == m["removed_bad"] + m["removed_good"]
    assert {row["path"] for row in removed} <= {row["path"] for row in train}
    scores = rows(tmp_path / "scores.csv")
    assert [s["path"] for s in scores] == [r["path"] for r in manifest if r["split"] == "test"]
    for figure in ("scores", "roc", "removed"):
        assert (tmp_path / "figures" / f"{figure}.png").stat().st_size > 1000
    assert not list(tmp_path.rglob(".*"))  # no temporary file stays behind

    if refine == "none":
        assert not removed
    elif refine == "oracle":
        assert (m["removal_precision"], m["removal_recall"]) == (1, 1)
        assert [r["active"] for r in rounds] == [str(sum(r["role"] == "normal" for r in train))]
    elif refine == "osr":
        assert len(rounds) <= 2
    elif refine == "irp":
        assert all(int(r["removed_good"]) + int(r["removed_bad"]) <= 1 for r in rounds)


@pytest.mark.parametrize("experiment", sorted(file.stem for file in CONF.glob("experiment/*.yaml")))
def test_every_experiment_composes_to_a_valid_configuration(experiment: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        root = ["data.root=photos"] if experiment == "folder" else []  # it has no default place
        cfg = compose("config", [f"+experiment={experiment}", *root])
    assert checked(cfg).name == experiment


@pytest.mark.slow
def test_same_seed_same_figures(config: Config, tmp_path: Path) -> None:
    figures = []
    for name in "ab":
        run(config("+experiment=demo", "refine=irp_all", "lam=1.01"), tmp_path / name)
        m = metrics(tmp_path / name)
        figures.append({k: v for k, v in m.items() if k != "seconds"})
        figures[-1]["scores"] = (tmp_path / name / "scores.csv").read_text()
    assert figures[0] == figures[1]


def test_another_seed_another_pool(config: Config, tmp_path: Path) -> None:
    manifests = []
    for seed in (0, 1):
        run(config("+experiment=demo", "refine=none", f"seed={seed}"), tmp_path / str(seed))
        manifests.append((tmp_path / str(seed) / "manifest.csv").read_text())
    assert manifests[0] != manifests[1]


def test_ksdd2_reports_defects_that_the_crop_cuts_away(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "ksdd2"
    rng = np.random.default_rng(0)
    for side, count in (("train", 16), ("test", 8)):
        (root / side).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (90, 30, 3), dtype=np.uint8)).save(
                root / side / f"{i}.png"
            )
            mask = np.zeros((90, 30), np.uint8)
            if i < 4:  # four defects a side, one of them near the upper end
                mask[5 if i == 0 else 45, 10:20] = 255
            Image.fromarray(mask).save(root / side / f"{i}_GT.png")
    cfg = config(
        "+experiment=ksdd2_noise", "noise=0.2", f"data.root={root}", "data.category=ksdd2", "epochs=1"
    )
    assert run(cfg, tmp_path / "run")["image_auroc"] is not None
    m = metrics(tmp_path / "run")
    assert m["dataset"]["defects_cropped_away"] == 2
    assert "crops out the whole defect in 2 images" in capsys.readouterr().out
    manifest = rows(tmp_path / "run" / "manifest.csv")
    injected = [row["path"] for row in manifest if row["role"] == "injected"]
    assert len(injected) == 3  # of 15 training images
    assert all(path.startswith("train/") for path in injected)


def test_groups_are_written_down(config: Config, images: Path, tmp_path: Path) -> None:
    names = sorted(p.name for p in (images / "fabric" / "train" / "good").iterdir())
    lines = [f"train/good/{name},pair-{k // 2}" for k, name in enumerate(names)]
    (tmp_path / "groups.csv").write_text("\n".join(["path,group", *lines]))
    run(config("+experiment=demo", f"data.groups={tmp_path}/groups.csv", "epochs=1"), tmp_path / "run")
    m = metrics(tmp_path / "run")
    assert m["dataset"]["largest_group"] == 2
    assert m["dataset"]["grouped_by"] == f"{tmp_path}/groups.csv"
    groups = [row["group"] for row in rows(tmp_path / "run" / "manifest.csv")]
    assert groups.count("file-pair-0") == 2


def test_nll_runs_without_a_rule(config: Config, tmp_path: Path) -> None:
    assert (
        run(config("+experiment=demo", "refine=none", "model.score=nll"), tmp_path)["image_auroc"]
        is not None
    )


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["memory", "live"])
def test_the_other_feature_sources(config: Config, tmp_path: Path, mode: str) -> None:
    cfg = config("+experiment=demo", f"features.cache={mode}", "epochs=1", "max_rounds=1")
    assert run(cfg, tmp_path)["image_auroc"] is not None


def test_predict_needs_the_checkpoint_alone(config: Config, images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(config("+experiment=demo", "refine=irp"), folder)
    scores = rows(folder / "scores.csv")
    checkpoint = (folder / "checkpoints" / "last.ckpt").rename(tmp_path / "moved.ckpt")
    loaded = load_detector(checkpoint)
    files = [images / "fabric" / row["path"] for row in scores]
    predicted = torch.tensor([found for _, found in score_files(loaded, files)])
    expected = torch.tensor([float(row["score"]) for row in scores])
    torch.testing.assert_close(predicted, expected, rtol=1e-4, atol=1e-5)


def test_test_images_of_one_kind_give_no_auroc(config: Config, images: Path, tmp_path: Path) -> None:
    root = tmp_path / "data" / "good_only"
    (root / "train").mkdir(parents=True)
    (root / "test").mkdir()
    (root / "train" / "good").symlink_to(images / "fabric" / "train" / "good")
    (root / "test" / "good").symlink_to(images / "fabric" / "test" / "good")
    cfg = config(
        "+experiment=mvtec_noise", "noise=0", f"data.root={root.parent}", "data.category=good_only"
    )
    assert run(cfg, tmp_path / "run")["image_auroc"] is None
    assert metrics(tmp_path / "run")["image_auroc"] is None


def test_a_failure_in_training_is_written_down(config: Config, tmp_path: Path) -> None:
    cfg = config("+experiment=demo", "refine=irp", "model.score=nll", "epochs=30", "model.lr=1e-2")
    with pytest.raises(ValueError, match="median"):
        run(cfg, tmp_path)
    assert metrics(tmp_path)["status"] == "failed"
    assert "(such as latent)" in metrics(tmp_path)["error"]


def test_references_train_nothing_twice(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []
    from irp_lightning.pipeline import fitting

    once = fitting.fit
    monkeypatch.setattr(fitting, "fit", lambda *a, **k: (fits.append(1), once(*a, **k))[1])
    found = run(config("+experiment=demo", "refine=none", "references=true", "epochs=1"), tmp_path)
    assert len(fits) == 2
    assert found["vanilla_auroc"] == found["image_auroc"]


def test_matched_references_train_as_long_as_the_run(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from irp_lightning.pipeline import fitting

    epochs, once = [], fitting.fit
    monkeypatch.setattr(fitting, "fit", lambda *a, **k: (epochs.append(k["epochs"]), once(*a, **k))[1])
    irp = "refine=irp_all", "lam=1.02", "max_rounds=2", "round_epochs=2"
    found = run(config("+experiment=demo", *irp, "references=matched", "epochs=1"), tmp_path)
    assert found["epochs_trained"] == 1 + 2 * found["rounds"] > 1
    assert epochs[1:] == [found["epochs_trained"]] * 2  # vanilla and the oracle


def test_a_batch_larger_than_the_images_is_one_batch_and_said_once(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(config("+experiment=demo", "refine=none", "batch_size=1000"), tmp_path)
    assert found["status"] == "complete"
    assert capsys.readouterr().out.count("batch_size=1000: an epoch is one batch of the") == 1
