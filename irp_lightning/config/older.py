"""Configurations of older versions, as what they were."""

from collections.abc import Mapping
from typing import Any

from irp_lightning.foundation.fields import file_name

__all__ = ["brought_up_to_date"]

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

    Where ``refine.backbone`` was null, a method of patches looked through the run's own backbone if that
    named ``layers``, else through EfficientNet-Lite0. A review counted by its file's name: of an older
    run there is no digest of what it said. ``data.bit_depth`` was called ``data.depth``.

    Args:
        config: As read from a run folder of this or an older version; it is left as it is.
    """
    found = dict(config)
    data = config.get("data")
    if isinstance(data, Mapping) and "depth" in data:
        found["data"] = {"bit_depth": data["depth"], **data}
    refine, backbone = config.get("refine"), config.get("backbone")
    if isinstance(refine, Mapping) and refine.get("backbone") is None:
        has_layers = isinstance(backbone, Mapping) and backbone.get("layers")
        found["refine"] = {**refine, "backbone": backbone if has_layers else LOOKED_THROUGH}
    if config.get("verdicts") is None:
        found["verdicts"] = file_name(config.get("review"))
    return found
