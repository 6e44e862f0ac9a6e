"""What a method is made of: a scoring and a rule, each with its own arguments."""

from typing import Any

import pytest

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import identity, load, plain
from irp_lightning.refinement.config import RefineConfig

SCORER = "irp_lightning.refinement.scorers"
MUTUAL, CROSS_FIT = f"{SCORER}.mutual.Mutual", f"{SCORER}.cross_fit.CrossFit"
RULES = "irp_lightning.refinement.rules"
OTSU = {"_target_": f"{RULES}.otsu"}
BACKBONE = {
    "name": "convnext_tiny",
    "library": "timm",
    "weights": "/a/b/w.pth",
    "n_scales": 1,
    "seed": 0,
}


def block(scoring: Any = None, rule: Any = None, **values: Any) -> dict[str, Any]:
    nodes = {"scoring": scoring or {"_target_": MUTUAL}, "rule": rule or OTSU}
    return {"name": "x", "max_rounds": 3, **nodes, **values}


@pytest.mark.parametrize("values", [{}, {"max_rounds": 0}, {"scoring": {"_target_": "labels"}}])
def test_a_method_that_never_prunes_has_no_settings(values: dict[str, Any]) -> None:
    assert identity(RefineConfig, {"name": "x", **values}) == {"name": "x"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (block(rule={"_target_": f"{RULES}.mad", "k": 0}), "rule.k=0 is not allowed; give a number"),
        (block(rule={"_target_": f"{RULES}.mad"}), "rule.k=??? is not set"),
        (
            block(rule={"_target_": f"{RULES}.top_share", "k": 1}),
            "rule.k=1 is not allowed; give a share",
        ),
        (block(rule={**OTSU, "k": 1}), "rule.k=1 is unknown"),
        (block(rule={"_target_": "mad", "k": 1}), "rule._target_=mad is not allowed; name your own"),
        (block({"_target_": CROSS_FIT, "folds": 1}), "scoring.folds=1 is not allowed; give a whole"),
        (block({"_target_": CROSS_FIT, "grid": 4}), "scoring.grid=4 is unknown"),
        (
            block({"_target_": CROSS_FIT, "backbone": BACKBONE}),
            "scoring.backbone=convnext_tiny has no effect",
        ),
        (block({"_target_": MUTUAL, "folds": 4}), "scoring.folds=4 is unknown"),
        (
            block({"_target_": MUTUAL, "bank_share": 0}),
            "scoring.bank_share=0 is not allowed; give a share",
        ),
        (block({"_target_": MUTUAL, "backbone": {**BACKBONE, "library": "keras"}}), "library=keras"),
        (block(max_removed=1), "max_removed=1 is not allowed"),
        (block(remove="most"), "remove=most is unknown; choose one of: worst, all"),
        ({"name": "x", "max_rounds": 3}, "max_rounds=3 needs refine.scoring"),
        ({**block(), "rule": None}, "max_rounds=3 needs refine.rule"),
    ],
)
def test_wrong_values(values: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongValue) as error:
        load(RefineConfig, values)
    assert message in str(error.value)


def test_arguments_of_the_users_own_are_kept() -> None:
    own = block({"_target_": "my.Scorer", "width": 3}, {"_target_": "my.rule", "k": -1})
    loaded = load(RefineConfig, own)
    assert loaded.scoring is not None
    assert loaded.scoring.rest == {"width": 3}
    assert load(RefineConfig, plain(loaded)) == loaded
    found = identity(RefineConfig, own)
    assert (found["scoring"], found["scoring.width"], found["rule.k"]) == ("my.Scorer", 3, -1)


def test_another_backbone_is_part_of_the_method() -> None:
    values = block({"_target_": MUTUAL, "backbone": BACKBONE})
    found = identity(RefineConfig, values)
    assert found["scoring.backbone"] == "convnext_tiny"
    assert found["scoring.backbone.weights"] == "w.pth"  # wherever it lies
    loaded = load(RefineConfig, values).scoring
    assert loaded is not None
    assert loaded.network.library == "timm"
