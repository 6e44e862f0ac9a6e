"""Which run is which, from the real configuration."""

from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from irp_lightning.config.compose import checked
from irp_lightning.config.identity import UNNAMED, differences, run_identity
from irp_lightning.foundation.fields import plain

Compose = Callable[..., DictConfig]


def values(cfg: DictConfig) -> Any:
    return OmegaConf.to_container(cfg, resolve=True)


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
        (["refine=robust"], ["refine=robust", "refine.retrain=scratch"]),
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
        (["refine=irp"], ["refine=irp", "lam=2"], "refine.k"),
        (["refine=irp"], ["refine=irp_all"], "refine.name"),
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
