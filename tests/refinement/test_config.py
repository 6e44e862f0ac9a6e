"""What of a method's settings matters to it."""

from typing import Any

import pytest

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import load
from irp_lightning.refinement.config import RefineConfig, effective

OF_MUTUAL = {"backbone", "grid", "views", "references", "bank_share"}


@pytest.mark.parametrize(
    ("values", "idle"),
    [
        ({"max_rounds": 3}, {"folds", *OF_MUTUAL}),
        ({"max_rounds": 3, "scoring": "mutual"}, {"round_epochs", "retrain", "folds"}),
        ({"max_rounds": 3, "scoring": "cross_fit"}, {"round_epochs", "retrain", *OF_MUTUAL}),
        ({"max_rounds": 3, "scoring": "my.Scorer"}, {"round_epochs", "retrain"}),
        ({"max_rounds": 3, "rule": "otsu"}, {"folds", "k", *OF_MUTUAL}),
    ],
)
def test_what_does_nothing_is_left_out(values: dict[str, Any], idle: set[str]) -> None:
    every = set(RefineConfig.__dataclass_fields__) - {"name"}
    assert every - set(effective(values)) == idle


@pytest.mark.parametrize("values", [{}, {"max_rounds": 0}, {"scoring": "labels", "max_rounds": 3}])
def test_a_method_that_never_prunes_has_no_settings(values: dict[str, Any]) -> None:
    assert effective(values) == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"k": 0}, "k=0 is not allowed for lambda_median; give a number of at least 0.5"),
        (
            {"rule": "top_share", "k": 1},
            "k=1 is not allowed for top_share; give a share between 0 and 1",
        ),
        ({"rule": "mine.rule", "k": "x"}, "k=x is not allowed"),
        ({"folds": 1}, "folds=1 is not allowed; give a whole number of at least 2"),
        ({"max_removed": 1}, "max_removed=1 is not allowed"),
        ({"remove": "most"}, "remove=most is unknown; choose one of: worst, all"),
        (
            {"scoring": "global"},
            "scoring=global is unknown; choose one of: in_sample, cross_fit, ensemble, gaussian, mutual",
        ),
    ],
)
def test_wrong_values(values: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongValue) as error:
        load(RefineConfig, {"name": "x", **values})
    assert message in str(error.value)


def test_a_rule_without_a_parameter_does_not_look_at_it() -> None:
    assert load(RefineConfig, {"name": "x", "rule": "otsu", "k": None}).k is None


def test_another_backbone_is_part_of_the_method() -> None:
    backbone = {
        "name": "convnext_tiny",
        "library": "timm",
        "weights": "/a/b/w.pth",
        "n_scales": 1,
        "seed": 0,
    }
    values = {"scoring": "mutual", "max_rounds": 3, "backbone": backbone}
    found = effective(values)
    assert found["backbone"] == "convnext_tiny"
    assert found["backbone.weights"] == "w.pth"  # wherever it lies
    loaded = load(RefineConfig, {"name": "x", **values}).backbone
    assert loaded is not None
    assert loaded.library == "timm"
    with pytest.raises(WrongValue, match=r"^backbone\.library=keras is unknown"):
        load(RefineConfig, {"name": "x", **values, "backbone": {**backbone, "library": "keras"}})
