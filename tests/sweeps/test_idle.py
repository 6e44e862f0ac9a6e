"""Knobs that do nothing for the chosen method, from the real configuration."""

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from irp_lightning.sweeps.cells import list_cells
from irp_lightning.sweeps.idle import idle_overrides


@pytest.mark.parametrize(
    ("overrides", "idle"),
    [
        (["refine=irp", "lam=2", "max_rounds=4", "round_epochs=1"], []),
        (["refine=osr", "lam=2", "max_rounds=4"], ["max_rounds=4"]),
        (["refine=none", "lam=2", "round_epochs=1"], ["lam=2", "round_epochs=1"]),
        (["refine=oracle", "lam=2"], ["lam=2"]),
        (["refine=robust", "lam=2", "max_rounds=4"], ["lam=2", "max_rounds=4"]),
        (["refine=robust", "refine.k=0.2", "refine.views=2"], []),
        (["refine=robust", "refine.folds=5", "refine.references=9"], []),
        (["refine=robust", "refine.scoring=mutual", "refine.folds=5"], ["refine.folds=5"]),
        (["refine=robust", "refine.scoring=gaussian", "refine.bank_share=1"], ["refine.bank_share=1"]),
        (["refine=irp", "refine.folds=5"], ["refine.folds=5"]),
        (["refine=irp", "refine.k=3", "lam=2"], ["lam=2"]),
        (["refine=irp", "refine.rule=otsu", "lam=2"], ["lam=2"]),
        (["refine=irp", "refine.max_rounds=0"], []),
        (["refine=robust", "refine.scoring=cross_fit", "refine.grid=2"], ["refine.grid=2"]),
        (["refine=robust", "refine.max_rounds=${max_rounds}", "max_rounds=4"], []),
        (["refine=none", "noise=0.1", "seed=2", "+experiment=demo"], []),
        (["refine=robust", "backbone@refine.backbone=alexnet", "backbone=resnet18"], []),
        (["refine=robust", "refine.backbone.layers=[2]"], []),
        (
            ["refine=none", "backbone@refine.backbone=alexnet", "backbone=resnet18"],
            ["backbone@refine.backbone=alexnet"],
        ),
        (["refine=irp", "refine.backbone.layers=[2]"], ["refine.backbone.layers=[2]"]),
    ],
)
def test_idle(config: Callable[..., DictConfig], overrides: list[str], idle: list[str]) -> None:
    assert idle_overrides(overrides, config(*overrides).refine) == idle


def test_a_network_makes_cells_where_something_looks_through_it(
    config: Callable[..., DictConfig],
) -> None:
    sweep = ["refine=none,robust", "backbone@refine.backbone=alexnet,efficientnet_lite0"]
    cells = list_cells(sweep, lambda job: idle_overrides(job, config(*job).refine))
    assert list(cells) == [
        "refine=none",
        "refine=robust,backbone@refine.backbone=alexnet",
        "refine=robust,backbone@refine.backbone=efficientnet_lite0",
    ]
