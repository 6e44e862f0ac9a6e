"""Which run is which, from the real configuration."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from irp_lightning.comparison.values import values_of
from irp_lightning.config.compose import checked
from irp_lightning.config.experiment import Experiment
from irp_lightning.config.identity import UNNAMED, differences, run_identity
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import plain

Compose = Callable[..., DictConfig]
Check = Callable[..., Experiment]


AS_WAS_WRITTEN: dict[str, Any] = {
    **{"scoring": "in_sample", "folds": 3, "backbone": None, "grid": 10, "views": 1, "references": 2000},
    **{"bank_share": 0.3, "rule": "lambda_median", "k": 1.5, "remove": "worst", "max_rounds": 3},
    **{"round_epochs": 1, "retrain": "continue", "patience": 1, "max_removed": 0.5},
}
"""Before scoring and rule were nodes: in each run every setting, whether or not it did something."""

OLDER: dict[str, dict[str, Any]] = {
    "none": {"name": "none", "max_rounds": 0},
    "osr": {**AS_WAS_WRITTEN, "name": "osr", "remove": "all", "max_rounds": 1},
    "irp": {**AS_WAS_WRITTEN, "name": "irp"},
    "irp_all": {**AS_WAS_WRITTEN, "name": "irp_all", "remove": "all"},
    "robust": {
        **{**AS_WAS_WRITTEN, "name": "robust", "scoring": "ensemble", "bank_share": 1, "remove": "all"},
        **{"rule": "false_discovery", "k": 0.1, "max_rounds": 3},
    },
    "oracle": {"name": "oracle", "scoring": "labels", "max_rounds": 0},
}


BACKBONE = {"name": "resnet18", "library": "torchvision", "weights": None, "layers": None}
BACKBONE |= {"n_scales": 3, "seed": 0}
BEFORE = ["refine/rule=false_discovery", "refine.max_rounds=3"]
"""``robust`` before it asked whether there are two kinds of image."""

ONE_MEAN = "refine.scoring.by_place=false"
CUSTOM_RULE = ["refine/rule=custom", "refine.rule._target_=my.rule", "+refine.rule.k=2"]
MUTUAL = ["refine/scoring=mutual", "refine.scoring.references=9"]
GAUSSIAN = ["refine/scoring=gaussian", "refine.scoring.folds=5"]
CROSS_FIT = ["refine/scoring=cross_fit", "refine/rule=mad", "refine.rule.k=4"]


def values(cfg: DictConfig) -> Any:
    return OmegaConf.to_container(cfg, resolve=True)


def test_a_bit_depth_under_its_older_name_counts(config: Compose) -> None:
    now = values(config("data.bit_depth=12"))
    older = {**now["data"], "depth": 12}
    del older["bit_depth"]
    assert not differences({**now, "data": older}, now)
    assert differences({**now, "data": {**older, "depth": "auto"}}, now)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["data.root=/a"], ["data.root=/b/c"]),
        (["logger=csv"], ["logger=wandb"]),
        (["trainer=default"], ["trainer=ddp"]),
        (["features.cache=bank"], ["features.cache=memory"]),
        (["features.workers=1"], ["features.workers=null"]),
        (["refine=none", "lam=1.5"], ["refine=none", "lam=2"]),
        (["refine=robust", "max_rounds=3"], ["refine=robust", "max_rounds=9"]),
        (["data.groups=/a/g.csv"], ["data.groups=/b/g.csv"]),
        (["noise=0.2"], ["noise=0.20"]),
        (["lam=2", "refine=irp"], ["lam=2.0", "refine=irp"]),
        (["name=a", "sweep.name=b", "checkpoint_seconds=5"], ["name=c"]),
        (["model.compile=true"], ["model.compile=false"]),
    ],
)
def test_the_same_run(config: Compose, one: list[str], other: list[str]) -> None:
    assert differences(values(config(*one)), values(config(*other))) == []


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        ([], ["noise=0.3"], "noise"),
        (["refine=irp"], ["refine=irp", "lam=2"], "refine.rule.k"),
        (["refine=irp"], ["refine=irp_all"], "refine.name"),
        ([], ["backbone@refine.scoring.backbone=resnet18"], "refine.scoring.backbone"),
        ([], ["refine.scoring.backbone.layers=[4]"], "refine.scoring.backbone.layers"),
        (["features.cache=bank"], ["features.cache=live"], "features.cache"),
        (["data.groups=/a/g.csv"], ["data.groups=/a/h.csv"], "data.groups"),
        ([], ["trainer.precision=bf16-mixed"], "trainer.precision"),
        ([], ["+trainer.gradient_clip_val=1"], "trainer.gradient_clip_val"),
        ([], ["model.hidden=17"], "model.hidden"),
        ([], ["model=gaussian"], "model._target_"),
        ([], ["seed=1"], "seed"),
        ([], ["views.fill=border"], "views.fill"),
        ([], ["epochs=4"], "epochs"),
    ],
)
def test_another_run(config: Compose, one: list[str], other: list[str], key: str) -> None:
    changed = differences(values(config(*one)), values(config(*other)))
    assert key in [name for name, _, _ in changed]


def test_what_a_run_folder_keeps_is_the_run(config: Compose) -> None:
    cfg = config("refine=irp")
    assert run_identity(plain(checked(cfg))) == run_identity(values(cfg))


def test_a_folder_of_the_first_version_is_no_stranger(config: Compose) -> None:
    now = values(config("model=differnet_small", "refine=oracle"))
    before = values(config("model=differnet_small", "refine=oracle"))
    before["model"]["_target_"] = "irp_lightning.models.differnet.DifferNet"
    before["refine"] = {"name": "oracle", "max_rounds": 0}
    del before["model"]["average"], before["trainer"]["precision"]
    now["model"]["average"] = 0.0  # as was the default when nothing was written
    assert [key for key, _, _ in differences(before, now)] == ["trainer.precision"]


def test_places_stand_in_no_name() -> None:
    assert {"data.root", "backbone.weights", "cache_dir", "logger", "sweep", "hydra"} <= set(UNNAMED)
    assert not {"noise", "lam", "max_rounds", "data.category", "data.groups"} & set(UNNAMED)


@pytest.mark.parametrize(
    ("run", "was"),
    [
        (["refine=robust"], "tf_efficientnet_lite0"),
        (["refine=robust", "backbone=resnet18", "backbone.layers=[layer2]"], "resnet18"),
    ],
)
def test_an_older_run_looked_through_its_own_layers_or_efficientnet(
    config: Compose, run: list[str], was: str
) -> None:
    before = {**values(config(*run)), "refine": OLDER["robust"]}
    assert run_identity(before).get("refine.scoring.backbone") == was
    same = [] if was != "resnet18" else ["backbone@refine.scoring.backbone=resnet18"]
    layers = ["refine.scoring.backbone.layers=[layer2]"] if same else []
    assert differences(before, values(config(*run, *BEFORE, ONE_MEAN, *same, *layers))) == []


@pytest.mark.parametrize(
    ("name", "older", "now"),
    [
        *((name, {}, []) for name in OLDER if name != "robust"),
        ("robust", {}, [*BEFORE, ONE_MEAN]),
        ("none", AS_WAS_WRITTEN | {"max_rounds": 0}, []),
        ("irp", {"retrain": "scratch"}, ["refine.scoring.retrain=scratch"]),
        ("irp", {"rule": "otsu", "k": None}, ["refine/rule=otsu"]),
        ("irp", {"rule": "my.rule", "k": 2}, CUSTOM_RULE),
        ("robust", {"scoring": "mutual", "references": 9}, [*BEFORE, *MUTUAL]),
        ("robust", {"scoring": "gaussian", "folds": 5}, [*BEFORE, *GAUSSIAN, ONE_MEAN]),
        ("robust", {"scoring": "cross_fit", "rule": "mad", "k": 4}, [*BEFORE[1:], *CROSS_FIT]),
        (
            "robust",
            {"backbone": BACKBONE},
            [*BEFORE, ONE_MEAN, "backbone@refine.scoring.backbone=resnet18"],
        ),
    ],
)
def test_a_method_of_an_older_run_is_what_it_was(
    config: Compose, name: str, older: dict[str, Any], now: list[str]
) -> None:
    today = values(config(f"refine={name}", *now))
    before = {**today, "refine": {**OLDER[name], **older}}
    assert differences(before, today) == []
    assert values_of(before) == values_of(today)
    assert bool(differences({**before, "refine": {**before["refine"], "remove": "none"}}, today)) == (
        name not in ("none", "oracle")
    )


def review(file: Path, *rows: str) -> str:
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["path,verdict", *rows]) + "\n")
    return f"review={file}"


def test_a_review_counts_by_what_it_says(experiment: Check, tmp_path: Path) -> None:
    def reviewed(override: str) -> Any:
        return plain(experiment("+experiment=folder", "data.root=/a", override))

    one = reviewed(review(tmp_path / "review.csv", "a.png,defective", "b/c.png,normal"))
    moved = reviewed(review(tmp_path / "x" / "mine.csv", "b/c.png, Normal", "a.png,defective"))
    other = reviewed(review(tmp_path / "y" / "review.csv", "a.png,normal", "b/c.png,normal"))
    assert differences(one, moved) == []
    assert [key for key, _, _ in differences(one, other)] == ["verdicts"]
    assert [key for key, _, _ in differences(one, reviewed("review=null"))] == ["verdicts"]


def test_a_review_of_an_older_run_counts_by_its_name(experiment: Check, tmp_path: Path) -> None:
    now = plain(experiment("+experiment=folder", "data.root=/a", review(tmp_path / "r.csv", "a,normal")))
    before = {key: value for key, value in now.items() if key != "verdicts"}
    assert differences(before, before | {"review": "/moved/r.csv"}) == []
    assert [key for key, _, _ in differences(before, before | {"review": "/s.csv"})] == ["verdicts"]
    assert [key for key, _, _ in differences(before, now)] == ["verdicts"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+verdicts=abc", "verdicts=abc cannot be set"),
        ("review=/no/such.csv", "review=/no/such.csv is not a file"),
        ("review={}", "needs path and verdict"),
    ],
)
def test_a_review_is_checked_before_anything_is_read(
    override: str, said: str, experiment: Check, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("image,label\na,0\n")
    with pytest.raises(InputError, match=said) as error:
        experiment("+experiment=folder", "data.root=/no/such/folder", override.format(table))
    assert "\n" not in str(error.value)
