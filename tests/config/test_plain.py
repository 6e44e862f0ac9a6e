"""The configuration without Hydra is the one with it."""

from pathlib import Path

import pytest

from irp_lightning.config.compose import checked, composed
from irp_lightning.config.files import CONF
from irp_lightning.config.plain import experiment_of
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import plain

ROOT = "data.root=/nowhere"


GROUPS = ("data", "backbone", "model", "refine", "refine/scoring", "refine/rule", "contamination")


NEEDED = {
    "model=custom": ["model._target_=mine.Detector", "+model.width=64"],
    "backbone=timm": ["backbone.name=resnet18"],
    "refine/scoring=custom": ["refine.scoring._target_=mine.Scorer", "+refine.scoring.folds=3"],
    "refine/rule=custom": ["refine.rule._target_=mine.rule", "+refine.rule.k=2"],
}
"""What a choice cannot do without."""


def choices(group: str) -> list[str]:
    return [f"{group}={file.stem}" for file in sorted((CONF / group).glob("[a-z]*.yaml"))]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        *([choice] for group in GROUPS for choice in choices(group)),
        *([f"+{choice}"] for choice in choices("experiment")),
        ["+experiment=folder", "backbone=alexnet", "refine.max_rounds=1", "data.groups=auto", "lam=2"],
        ["trainer=ddp", "trainer.devices=2", "logger=csv", "features.memory_limit_gb=null"],
        ["refine=irp", "refine/scoring=mutual", "refine/rule=mad", "refine.scoring.references=500"],
        ["backbone@refine.scoring.backbone=resnet18", "refine.scoring.backbone.layers=[layer2]"],
        [
            *("refine/scoring=custom", "refine.scoring._target_=my.Scorer"),
            "+backbone@refine.scoring.backbone=alexnet",
        ],
        ["model=patch_nn", "model.patches=100", "patches.grid=10", "views.count=4"],
    ],
    ids=" ".join,
)
def test_it_is_what_hydra_composes(overrides: list[str]) -> None:
    whole = [*overrides, *NEEDED.get(" ".join(overrides), []), ROOT]
    expected = plain(checked(composed(whole)))
    found = plain(experiment_of(whole))
    expected["sweep"]["command"] = found["sweep"]["command"] = ""  # when it was given
    assert found == expected


def test_values_are_taken_as_they_are(tmp_path: Path) -> None:
    odd = tmp_path / "a=b, ${c} {d}"
    e = experiment_of(["+experiment=folder"], data__root=str(odd), false_alarms=0.05)
    assert (e.data.root, e.false_alarms) == (str(odd), 0.05)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("refine.max_round=1", "did you mean refine.max_rounds?"),
        ("model=patch_n", "did you mean patch_nn?"),
        ("seed", "not key=value"),
        ("refine.k=2", "is spelt refine.rule.k=2 now"),
        ("refine.scoring=mutual", "is spelt refine/scoring=mutual now"),
        ("refine/scoring=mutuall", "did you mean mutual?"),
        ("refine/rules=mad", "is unknown"),
        ("model.width=1", "is unknown"),
        ("seed=x", "seed=x"),
    ],
)
def test_what_there_is_not_is_refused(override: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        experiment_of(["+experiment=folder", ROOT, override])
    assert told in str(refused.value)


def test_a_choice_without_a_place_is_refused_as_hydra_refuses_it() -> None:
    overrides = ["refine=none", "refine/scoring=mutual", ROOT]
    told = []
    for compose in (experiment_of, composed):
        with pytest.raises(InputError, match="the chosen refine takes no scoring") as refused:
            compose(overrides)
        told.append(str(refused.value))
    assert told[0] == told[1]
