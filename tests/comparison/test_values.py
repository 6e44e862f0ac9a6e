"""What of a configuration tells runs apart: every key moves one thing, or says nothing of a run."""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from irp_lightning.comparison.values import OF_RUNS, values_of
from irp_lightning.config.experiment import Experiment
from irp_lightning.config.identity import run_identity
from irp_lightning.detectors.config import DECLARED
from irp_lightning.features.config import BackboneConfig
from irp_lightning.foundation.fields import plain
from irp_lightning.refinement.config import RULES, SCORERS, RuleConfig, ScoringConfig
from irp_lightning.tracking.config import WandbConfig

BASES = (
    ["refine=irp"],
    ["refine=robust", "model=patch_nn", "logger=wandb"],
    ["refine=irp", "refine/scoring=cross_fit", "model=patch_gaussian"],
    ["refine=robust", "refine/scoring=mutual", "model=knn"],
    ["refine=irp", "model=gaussian"],
    ["+experiment=folder", "review=${data.root}/review.csv"],
)
"""Between them every setting is there and has an effect."""

NOT_REQUIRED = {
    "refine.scoring": ScoringConfig,
    "refine.rule": RuleConfig,
    "refine.scoring.backbone": BackboneConfig,
    "logger.wandb": WandbConfig,
}
"""Groups that may also be nothing."""

ARGUMENTS = {"model.rest": DECLARED, "refine.scoring.rest": SCORERS, "refine.rule.rest": RULES}
"""Of groups that take other arguments for each ``_target_``, those that are declared."""

SAY_NOTHING = {
    *("name", "lam", "max_rounds", "round_epochs", "review", "checkpoint_seconds", "cache_dir"),
    *("data.max_pixels", "data.download", "model.compile"),
    *("features.compile", "features.workers", "features.memory_limit_gb"),
    *("trainer.accelerator", "trainer.devices", "trainer.strategy"),
    *("sweep.name", "sweep.force", "sweep.command", "sweep.objective", "logger.wandb"),
    *(f"logger.wandb.{name}" for name in ("project", "entity", "group", "tags", "checkpoint")),
}
"""Where a run lies, on what it runs, and what a method takes into its ``refine`` block."""

OTHERS: dict[str, Any] = {
    "data.root": "/elsewhere/another_dataset",
    "features.cache": "live",
    "refine.scoring.backbone": {"name": "resnet18"},
    "refine.rule": {"_target_": "irp_lightning.refinement.rules.mad", "k": 7},
    "refine.scoring": {"_target_": "irp_lightning.refinement.scorers.gaussian.Gaussian"},
}
"""Other values, where not any will do."""

DETECTOR, DATASET = "detector", "dataset"
OF_GROUPS = {
    "refine": "method",
    "contamination": DATASET,
    **dict.fromkeys(("backbone", "views", "patches", "features", "model", "trainer"), DETECTOR),
}
"""What is moved by what moves something in a group."""

OF_KEYS = {
    **{name: name for name in ("noise", "seed")},
    "data.category": "category",
    **{f"data.{name}": DETECTOR for name in ("image_size", "crop")},
    **{
        f"data.{name}": DATASET
        for name in (
            *("reader", "root", "split", "groups", "normal", "recursive", "bit_depth", "on_bad_image"),
        )
    },
    **dict.fromkeys(
        ("epochs", "batch_size", "localise", "references", "false_alarms", "verdicts"), DETECTOR
    ),
}


def leaves(kind: type, before: str = "") -> Iterator[str]:
    """The dotted keys of all declared fields; of detectors' arguments, those of every detector."""
    for field in dataclasses.fields(kind):
        key = f"{before}{field.name}"
        if key in NOT_REQUIRED:
            yield key
            yield from leaves(NOT_REQUIRED[key], f"{key}.")
        elif "group" in field.metadata:
            yield from leaves(field.metadata["group"], f"{key}.")
        elif key in ARGUMENTS:
            for declared in ARGUMENTS[key].values():
                yield from leaves(declared, key.removesuffix("rest"))
        elif key == "trainer.rest":
            yield "trainer.gradient_clip_val"
        else:
            yield key


def with_another(config: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The configuration with another value of a key; None where it has no place for one."""
    config = copy.deepcopy(config)
    *groups, name = key.split(".")
    block = config
    for group in groups:
        if not isinstance(block.get(group), dict):
            return None
        block = block[group]
    if name not in block and groups[-1:] != ["trainer"]:
        return None
    value = block.get(name)
    if key == "review" and value is None:  # of a review, what it says is always beside its name
        return None
    if key in OTHERS:
        block[name] = OTHERS[key]
    elif isinstance(value, bool):
        block[name] = not value
    elif isinstance(value, int | float):
        block[name] = value + 1
    else:
        block[name] = [9, 8] if isinstance(value, list | tuple) else f"not_{value}"
    return config


def said(config: dict[str, Any]) -> dict[str, Any]:
    values = dict(zip(("method", DETECTOR, DATASET), values_of(config), strict=True))
    identity = run_identity(config)
    return values | {key.rpartition(".")[2]: identity[key] for key in OF_RUNS}


@pytest.fixture
def bases(experiment: Callable[..., Experiment], tmp_path: Path) -> list[dict[str, Any]]:
    (tmp_path / "review.csv").write_text("path,verdict\na.png,defective\n")
    return [plain(experiment(*overrides, f"data.root={tmp_path}")) for overrides in BASES]


def test_every_key_moves_one_thing_or_says_nothing(bases: list[dict[str, Any]]) -> None:
    moved: dict[str, set[str]] = {}
    for key in leaves(Experiment):
        moved[key] = set()
        pairs = [(before, with_another(before, key)) for before in bases]
        assert any(after is not None for _, after in pairs), f"no base has a place for {key}"
        for before, after in pairs:
            if after is not None:
                old, new = said(before), said(after)
                found = {name for name in old if old[name] != new[name]}
                # Whatever makes another run shows in what runs are told apart by.
                assert found or run_identity(before) == run_identity(after), key
                moved[key] |= found
    assert {key for key, found in moved.items() if not found} == SAY_NOTHING
    expected = {
        key: {OF_KEYS.get(key) or OF_GROUPS[key.partition(".")[0]]}
        for key in moved
        if key not in SAY_NOTHING
    }
    assert {key: found for key, found in moved.items() if found} == expected
