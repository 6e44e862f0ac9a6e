"""The configuration without Hydra is the one with it."""

from pathlib import Path

import pytest

from irp_lightning.config.compose import checked, composed
from irp_lightning.config.files import CONF
from irp_lightning.config.plain import experiment_of
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import plain

ROOT = "data.root=/nowhere"


GROUPS = ("data", "backbone", "model", "refine", "contamination")


def choices(group: str) -> list[str]:
    return [f"{group}={file.stem}" for file in sorted((CONF / group).glob("[a-z]*.yaml"))]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        *(
            [choice]
            for group in ("data", "backbone", "model", "refine", "contamination")
            for choice in choices(group)
        ),
        *([f"+{choice}"] for choice in choices("experiment")),
        ["+experiment=folder", "backbone=alexnet", "refine.max_rounds=1", "data.groups=auto", "lam=2"],
        ["trainer=ddp", "trainer.devices=2", "logger=csv", "features.memory_limit_gb=null"],
        ["model=patch_nn", "model.patches=100", "patches.grid=10", "views.count=4"],
    ],
    ids=" ".join,
)
def test_it_is_what_hydra_composes(overrides: list[str]) -> None:
    needed = {
        "model=custom": ["model._target_=mine.Detector", "+model.width=64"],
        "backbone=timm": ["backbone.name=resnet18"],
    }
    whole = [*overrides, *needed.get(" ".join(overrides), []), ROOT]
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
        ("seed", "no key=value"),
        ("model.width=1", "is unknown"),
        ("seed=x", "seed=x"),
    ],
)
def test_what_there_is_not_is_refused(override: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        experiment_of(["+experiment=folder", ROOT, override])
    assert told in str(refused.value)
