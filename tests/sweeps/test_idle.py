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
        (["refine=irp", "refine.rule.k=3", "lam=2"], ["lam=2"]),
        (["refine=irp", "refine/rule=otsu", "lam=2"], ["lam=2"]),
        (["refine=irp", "refine/scoring=mutual", "round_epochs=1"], ["round_epochs=1"]),
        (["refine=robust", "refine/rule=lambda_median", "lam=2"], []),
        (["refine=robust", "refine.max_rounds=${max_rounds}", "max_rounds=4"], []),
        (["refine=none", "noise=0.1", "seed=2", "+experiment=demo"], []),
    ],
)
def test_idle(config: Callable[..., DictConfig], overrides: list[str], idle: list[str]) -> None:
    # The fixture sets rounds and epochs of its own, which are not asked about.
    assert idle_overrides(overrides, config(*overrides).refine) == idle


def test_a_knob_makes_cells_where_it_does_something(config: Callable[..., DictConfig]) -> None:
    sweep = ["refine=none,irp", "lam=1.5,2"]
    cells = list_cells(sweep, lambda job: idle_overrides(job, config(*job).refine))
    assert list(cells) == ["refine=none", "refine=irp,lam=1.5", "refine=irp,lam=2"]
