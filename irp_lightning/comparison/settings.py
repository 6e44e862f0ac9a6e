"""What of a run's configuration tells it apart from others: method, detector and dataset."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

__all__ = ["Settings", "dataset_of", "detector_of", "method_of"]

Settings = dict[str, str]
"""Dotted keys and their values as text; equal settings are equal dictionaries."""

OF_FITS = {"round_epochs", "retrain"}
WITHOUT_RULE = ("none", "oracle")


def method_of(config: Mapping[str, Any]) -> tuple[str, Settings]:
    """The name of a removal method and the settings that change what it removes.

    They come from the ``refine`` block alone: a knob such as ``lam`` reaches a method through its block
    or not at all, so that a run that uses no λ is the same run at any.

    Raises:
        KeyError: There is no ``refine.name``.
    """
    block = dict(config["refine"])
    name = str(block.pop("name"))
    if name in WITHOUT_RULE:
        return name, {}
    if block.get("scoring", "in_sample") == "in_sample":
        unused = {"folds", "grid"}
    else:
        # These remove first and fit once; only local scoring has cells.
        unused = OF_FITS if block["scoring"] == "local" else OF_FITS | {"grid"}
    for key in unused:
        block.pop(key, None)
    if block.get("rule") == "otsu":
        block.pop("k", None)
    return name, _flat(block)


def detector_of(config: Mapping[str, Any]) -> tuple[str, str, Settings]:
    """The names of a detector and of its backbone, and all that changes what they learn.

    Raises:
        KeyError: The model or the backbone has no name.
    """
    model, backbone = dict(config["model"]), dict(config["backbone"])
    target = str(model.pop("_target_", ""))
    name = str(model.pop("name", "") or target.rpartition(".")[2])
    if not name:
        raise KeyError("model.name")
    for key in ("_convert_", "compile"):
        model.pop(key, None)
    # The same weights lie in different places on different machines.
    backbone["weights"] = PurePath(str(backbone.get("weights"))).name
    features = config.get("features") or {}
    trainer = config.get("trainer") or {}
    data = config["data"]
    rest = {
        "views": config.get("views"),
        "epochs": config.get("epochs"),
        "batch_size": config.get("batch_size"),
        "image_size": data.get("image_size"),
        "crop": data.get("crop"),
        "features": {
            "dtype": features.get("dtype"),
            "autocast": features.get("autocast"),
            # The bank and memory hold the same features; live ones are drawn anew.
            "live": features.get("cache") == "live",
        },
        "precision": trainer.get("precision"),
    }
    return name, str(backbone.pop("name")), _flat({**model, "backbone": backbone, **rest})


def dataset_of(config: Mapping[str, Any]) -> tuple[str, str, Settings]:
    """The reader of a dataset, the name of its folder, and how it is split and spoilt.

    Two folders of one name are taken for copies of one dataset, as on different machines.

    Raises:
        KeyError: There is no ``data.reader`` or ``data.root``.
    """
    data = config["data"]
    contamination = config.get("contamination") or {}
    settings = {
        "split": data.get("split"),
        "groups": PurePath(str(data.get("groups"))).name,
        "contamination": contamination.get("kind"),
    }
    return str(data["reader"]), PurePath(str(data["root"])).name, _flat(settings)


def _flat(block: Mapping[str, Any], prefix: str = "") -> Settings:
    settings: Settings = {}
    for key, value in block.items():
        if isinstance(value, Mapping):
            settings |= _flat(value, f"{prefix}{key}.")
        else:
            settings[f"{prefix}{key}"] = _text(value)
    return settings


def _text(value: Any) -> str:
    # 2 and 2.0 are one setting; a bool is no number here.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.12g}"
    return str(value)
