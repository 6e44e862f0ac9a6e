"""The group ``logger``: what is taken, and what is refused by which name."""

from typing import Any

import pytest

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import load
from irp_lightning.tracking.config import LoggerConfig, WandbConfig

WANDB = {"project": "p", "entity": None, "group": "demo/sweep", "tags": ["a"], "checkpoint": False}


def test_csv_alone_or_wandb_besides() -> None:
    assert load(LoggerConfig, {"wandb": None}).wandb is None
    found = load(LoggerConfig, {"wandb": WANDB}).wandb
    assert found == WandbConfig("p", None, "demo/sweep", ["a"], checkpoint=False)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "wandb=True is not allowed"),
        ("wandb", "wandb=wandb is not allowed"),
        ({**WANDB, "tags": "a"}, "wandb.tags=a is not allowed"),
        ({**WANDB, "tags": [1]}, r"wandb.tags=\[1\] is not allowed"),
        ({**WANDB, "project": ""}, "wandb.project= is not allowed"),
        ({**WANDB, "checkpoint": 1}, "wandb.checkpoint=1 is unknown"),
        ({**WANDB, "colour": 1}, "wandb.colour=1 is unknown"),
    ],
)
def test_what_is_refused_is_named(value: Any, message: str) -> None:
    with pytest.raises(WrongValue, match=message):
        load(LoggerConfig, {"wandb": value})
