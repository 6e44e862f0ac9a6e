"""Values that distinguish runs: method, detector and dataset.

What they hold comes from the declared configuration: the keys of method, dataset, class, noise and seed
are named here, and every other key that makes a run is the detector's. Equal values are the same thing,
wherever it ran. How tables call them is found last, see :mod:`irp_lightning.comparison.names`: nothing
is read from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, ClassVar

from irp_lightning.config.identity import run_identity

__all__ = ["KNOWN", "ORACLE", "VANILLA", "Dataset", "Detector", "Look", "Method", "Value", "values_of"]


@dataclass(frozen=True)
class Look:
    """Title, colour and marker of a built-in method."""

    title: str
    hue: str
    marker: str


# In the order of tables. Okabe and Ito's colours, told apart by most eyes; IRP blue, OSR green, vanilla
# yellow as in the paper.
KNOWN = {
    "none": Look("vanilla", "#E69F00", "o"),
    "osr": Look("osr", "#009E73", "s"),
    "irp": Look("irp", "#0072B2", "^"),
    "irp_all": Look("irp_all", "#56B4E9", "v"),
    "robust": Look("robust", "#D55E00", "D"),
    "oracle": Look("oracle", "#777777", "*"),
}

OF_METHODS = ("refine",)
OF_DATASETS = (
    *(
        "data.split",
        "data.groups",
        "data.normal",
        "data.recursive",
        "data.bit_depth",
        "data.on_bad_image",
    ),
    "contamination",
)
"""Keys, or groups of keys; all that is named in neither and makes a run is the detector's."""

NAMES = ("refine.name", "backbone.name", "data.reader", "refine.scoring.backbone.name")
"""Shown as names, not as settings; the last is ``refine.scoring.backbone``, too."""

OF_RUNS = ("noise", "seed", "data.category")
"""What every run says for itself, whatever its method, detector and dataset."""


@dataclass(frozen=True)
class Value:
    """One of them. They sort by title.

    Attributes:
        name: As configured.
        settings: All else that makes it what it is: text by dotted key.
        second: A second name, told where one name has several.
        title: As tables call it.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    second: str = ""
    title: str = field(default="", compare=False)

    joint: ClassVar[str] = ""
    """Between the two names."""

    @property
    def rank(self) -> int:
        """What sorts before the title."""
        return 0

    def __lt__(self, other: "Value") -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[Any, ...]:
        return self.rank, self.title, self.name, self.second, sorted(self.settings.items())

    def __str__(self) -> str:
        return self.title


class Method(Value):
    """A removal method."""

    @property
    def rank(self) -> int:
        """Vanilla first, the oracle last, others by title between them."""
        known = list(KNOWN)
        return known.index(self.name) if self.name in KNOWN else len(known) - 2


class Detector(Value):
    """A detector; its second name is the backbone's."""

    joint = " on "


class Dataset(Value):
    """A dataset by its reader; its second name is the root folder's, wherever that lies."""

    joint = ": "


VANILLA, ORACLE = Method("none"), Method("oracle")


def values_of(config: Mapping[str, Any]) -> tuple[Method, Detector, Dataset]:
    """What a run is of.

    Args:
        config: As read from a run folder of this or an older version.

    Raises:
        KeyError: A name is missing.
        TypeError: A group is none.
    """
    said = run_identity(config)
    model, data = config["model"], config["data"]
    detector = model.get("name") or str(said["model._target_"]).rpartition(".")[2]
    if not detector or model.get("_target_") is None:
        raise KeyError("model.name")
    settings: dict[str, dict[str, str]] = {"method": {}, "detector": {}, "dataset": {}}
    for key, value in said.items():
        if key not in (*NAMES, *OF_RUNS):
            settings[_whose(key)][key] = _text(value)
    return (
        Method(str(config["refine"]["name"]), settings["method"]),
        Detector(str(detector), settings["detector"], str(config["backbone"]["name"])),
        Dataset(str(data["reader"]), settings["dataset"], PurePath(str(data["root"])).name),
    )


def _whose(key: str) -> str:
    if _is_of(key, OF_METHODS):
        return "method"
    return "dataset" if _is_of(key, OF_DATASETS) else "detector"


def _is_of(key: str, named: tuple[str, ...]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in named)


def _text(value: Any) -> str:
    # 2 and 2.0 are one setting; a bool is no number here.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_text(item)}' for key, item in sorted(value.items()))}}}"
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list | tuple) else str(value)
