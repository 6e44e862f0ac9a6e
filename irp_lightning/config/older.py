"""Configurations of older versions, as what they were."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from irp_lightning.foundation.fields import file_name
from irp_lightning.refinement.config import RULES, SCORERS

__all__ = ["brought_up_to_date"]

OF_SCORING = {
    **{"folds": 3, "backbone": None, "grid": 10, "views": 1, "references": 2000, "bank_share": 0.3},
    **{"round_epochs": 2, "retrain": "continue"},
}
"""What stood beside the name of a scoring, with the defaults of then."""

LOOKED_THROUGH = {
    "library": "timm",
    "name": "tf_efficientnet_lite0",
    "weights": None,
    "layers": [2, 3],
    "n_scales": 3,
    "seed": 0,
}
"""The network that decided what went where none was named, with its values of then."""


def brought_up_to_date(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration in today's words.

    Scoring and rule were names in ``refine``, and their arguments stood beside them. Where
    ``refine.backbone`` was null, a method of patches looked through the run's own backbone if that named
    ``layers``, else through EfficientNet-Lite0. A review counted by its file's name: an older run has
    no digest of its content. ``data.bit_depth`` was called ``data.depth``.

    Args:
        config: As read from a run folder of this or an older version; it is left as it is.
    """
    found = dict(config)
    data = config.get("data")
    if isinstance(data, Mapping) and "depth" in data:
        found["data"] = {"bit_depth": data["depth"], **data}
    refine = config.get("refine")
    if isinstance(refine, Mapping) and not _has_nodes(refine):
        found["refine"] = _with_nodes(refine, config.get("backbone"))
    if config.get("verdicts") is None:
        found["verdicts"] = file_name(config.get("review"))
    return found


def _has_nodes(refine: Mapping[str, Any]) -> bool:
    """Check whether scoring and rule hold their own arguments; vanilla has neither of them."""
    named = isinstance(refine.get("scoring"), str) or isinstance(refine.get("rule"), str)
    return not named and not (refine.get("max_rounds") and refine.get("scoring") is None)


def _with_nodes(refine: Mapping[str, Any], backbone: Any) -> dict[str, Any]:
    """A block of names as one of nodes, each with what had an effect on it."""
    beside = OF_SCORING | {key: value for key, value in refine.items() if key in OF_SCORING}
    if beside["backbone"] is None:
        has_layers = isinstance(backbone, Mapping) and backbone.get("layers")
        beside["backbone"] = backbone if has_layers else LOOKED_THROUGH
    rest = {key: value for key, value in refine.items() if key not in (*OF_SCORING, "k")}
    return {
        **rest,
        "scoring": _node(refine.get("scoring", "in_sample"), SCORERS, beside),
        "rule": _node(refine.get("rule", "lambda_median"), RULES, {"k": refine.get("k", 1.5)}),
    }


def _node(name: str, declared: Mapping[str, type], beside: Mapping[str, Any]) -> dict[str, Any]:
    """One of the project's by the name of its file or function, or one of the user's; what it took."""
    own = {
        target.split(".")[-2 if declared is SCORERS else -1]: target
        for target in declared
        if "." in target
    }
    target = own.get(name, name)
    if target not in declared:
        return {"_target_": target, **beside}
    taken = {field.name for field in dataclasses.fields(declared[target])}
    looks = "grid" in taken  # at patches, through a network
    return {
        "_target_": target,
        **{key: value for key, value in beside.items() if key in taken or (looks and key == "backbone")},
    }
