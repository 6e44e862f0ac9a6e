"""Whole runs that look at patches: what removes by them, what detects by them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from run_files import metrics, rows

from irp_lightning.api import Detector
from irp_lightning.commands.predict import main
from irp_lightning.commands.run import run_composed as run
from irp_lightning.foundation.errors import InputError

pytestmark = pytest.mark.slow  # a whole run for each detector of patches

Config = Callable[..., DictConfig]


@pytest.mark.parametrize("mode", ["bank", "memory", "live"])
@pytest.mark.parametrize("model", ["patch_nn", "patch_gaussian"])
def test_a_detector_of_patches_runs_predicts_and_shows_where(
    config: Config, images: Path, tmp_path: Path, model: str, mode: str
) -> None:
    settings = f"model={model}", "backbone=efficientnet_lite0", "localise=4", f"features.cache={mode}"
    m = run(config("+experiment=demo", *settings), tmp_path / "run")
    assert m["localised_images"] == 4
    assert 0 <= m["pixel_auroc"] <= 1
    known = rows(tmp_path / "run" / "scores.csv")
    files = [images / "fabric" / row["path"] for row in known]
    expected = torch.tensor([float(row["score"]) for row in known])
    scores = Detector.load(tmp_path / "run").score(files)
    torch.testing.assert_close(scores, expected, rtol=1e-2, atol=1e-2)
    main([str(tmp_path / "run"), *map(str, files[:2]), "--heat-maps", str(tmp_path / "maps")])
    shown = sorted((tmp_path / "maps").rglob("*.png"))
    assert len(shown) == 2
    assert Image.open(shown[0]).size == Image.open(files[0]).size


def test_a_removal_is_explained_by_its_map(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from irp_lightning.runs import results

    drawn = []
    gallery = results.removed_gallery

    def watched(table: list[object], train: object, maps: torch.Tensor | None, *more: object) -> object:
        assert maps is not None
        drawn.append((len(table), tuple(maps.shape)))
        return gallery(table, train, maps, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(results, "removed_gallery", watched)
    run(config("+experiment=demo", "refine.rule.k=0.9", "model=gaussian"), tmp_path)
    removed = metrics(tmp_path)["removed_good"] + metrics(tmp_path)["removed_bad"]
    assert removed > 0
    assert drawn == [(removed, (removed, 4, 4))]  # no finer than the patches there are


def test_the_cleaning_may_look_through_a_backbone_of_its_own(config: Config, tmp_path: Path) -> None:
    own = [
        "backbone@refine.scoring.backbone=random",
        "refine.scoring.views=2",
        "refine.scoring.grid=2",
        "refine.rule.k=0.9",
    ]
    m = run(config("+experiment=demo", *own, "model=gaussian"), tmp_path / "own")
    default = run(
        config("+experiment=demo", "refine.rule.k=0.9", "model=gaussian"), tmp_path / "default"
    )
    assert (m["removal_backbone"], default["removal_backbone"]) == ("random", "tf_efficientnet_lite0")
    written = OmegaConf.load(tmp_path / "default" / "config.yaml")
    assert written.refine.scoring.backbone.name == "tf_efficientnet_lite0"
    tables = [rows(tmp_path / name / "rounds.csv")[0]["max_score"] for name in ("own", "default")]
    assert tables[0] != tables[1]


@pytest.mark.parametrize("network", ["refine.scoring.backbone=null", "~refine.scoring.backbone"])
def test_a_removal_by_patches_needs_a_network(config: Config, tmp_path: Path, network: str) -> None:
    with pytest.raises(
        InputError, match=r"^refine\.scoring\.backbone=None leaves ensemble without a network"
    ):
        run(config("+experiment=demo", network), tmp_path)
    assert not list(tmp_path.iterdir())


def test_patches_of_another_kind_are_another_run(config: Config, tmp_path: Path) -> None:
    run(config("+experiment=demo", "refine=none", "model=patch_gaussian"), tmp_path)
    with pytest.raises(InputError, match=r"patches\.grid"):
        run(
            config("+experiment=demo", "refine=none", "model=patch_gaussian", "patches.grid=5"), tmp_path
        )
