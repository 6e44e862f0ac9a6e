"""Refinement: group ``refine`` of the configuration."""

import dataclasses
import math
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irp_lightning.features.config import BackboneConfig
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import choice, free, group, identity, number, plugin, text, whole

__all__ = ["IN_SAMPLE", "LABELS", "RULES", "SCORERS", "RefineConfig", "effective"]

IN_SAMPLE = "in_sample"
"""Scoring by the detector that is trained on what it scores: the paper's."""

LABELS = "labels"
"""No scoring: exactly the injected defects go. The oracle, for evaluation only."""

SCORERS = tuple(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "scorers")]))
"""The project's own out-of-sample scorers: the files in ``scorers/``."""

LEAST_K = 0.5
"""Of rules whose ``k`` is no share: another rule's share, left standing, would remove half of all."""

SHARE = "a share between 0 and 1, such as 0.1"

RULES = {
    "lambda_median": f"a number of at least {LEAST_K}",
    "mad": f"a number of at least {LEAST_K}",
    "iqr": f"a number of at least {LEAST_K}",
    "lower_mad": f"a number of at least {LEAST_K}",
    "false_discovery": SHARE,
    "otsu": None,
    "top_share": SHARE,
}
"""The project's own rules and what their ``k`` may be; None: it has none."""


@dataclass(frozen=True)
class RefineConfig:
    """What is removed from the training images, when and why.

    Attributes:
        name: What the method is called in tables.
        scoring: ``in_sample``, ``cross_fit``, ``mutual``, ``gaussian``, ``ensemble`` (of these two),
            ``labels``, or ``module.Class`` of the user's.
        folds: Of ``cross_fit``, ``gaussian`` and ``ensemble``.
        backbone: The network that a scorer of patches looks through.
        grid: Of scorers of patches: small ones per side; those of twice the side are looked at, too.
        views: Of scorers of patches: rotated views other images are seen in, for parts at any angle.
        references: Of mutual scoring: images that others are held against; where there are more, a
            seeded draw.
        bank_share: Of mutual scoring: how large a bank of references is imagined, as a share of all.
        rule: What finds the threshold: one of ``RULES``, or ``module.function`` of the user's.
        k: The rule's parameter.
        remove: ``worst`` (Algorithm 1) or ``all`` (Eq. 6).
        max_rounds: How often to prune at most; 0: never.
        round_epochs: Fit after each pruning.
        retrain: ``continue`` or ``scratch``.
        patience: Rounds in a row without a removal that count as convergence.
        max_removed: Never prune past this share of the training images.
    """

    name: str = text()
    scoring: str = plugin(IN_SAMPLE, *SCORERS, LABELS, default=IN_SAMPLE)
    folds: int = whole(2, 3)
    backbone: BackboneConfig | None = group(BackboneConfig, optional=True)
    grid: int = whole(1, 10)
    views: int = whole(1, 1)
    references: int = whole(2, 2000)
    bank_share: float = number(0, 1, "a share above 0 and at most 1, such as 0.3", 0.3)
    rule: str = plugin(*RULES, default="lambda_median")
    k: Any = free(default=1.5)
    remove: str = choice("worst", "all", default="worst")
    max_rounds: int = whole(0, 0)
    round_epochs: int = whole(1, 2)
    retrain: str = choice("continue", "scratch", default="continue")
    patience: int = whole(1, 1)
    max_removed: float = number(0, 1, "a share between 0 and 1, such as 0.5", 0.5, open_ends=True)

    def __post_init__(self) -> None:
        wanted = RULES.get(self.rule, "a number above 0")
        good = isinstance(self.k, int | float) and not isinstance(self.k, bool)
        lowest = LEAST_K if self.rule in RULES and wanted != SHARE else math.ulp(0)
        highest = 1 - math.ulp(1) if wanted == SHARE else math.inf
        if wanted and not (good and lowest <= self.k <= highest):
            raise WrongValue("k", self.k, f"is not allowed for {self.rule}; give {wanted}")
        if not self.bank_share:
            raise WrongValue("bank_share", self.bank_share, "is not allowed; give a share above 0")

    @property
    def is_in_sample(self) -> bool:
        """Whether the detector scores what it is trained on, between its rounds."""
        return self.scoring == IN_SAMPLE and self.max_rounds > 0

    @property
    def is_out_of_sample(self) -> bool:
        """Whether images are removed before the detector is fitted, without a label."""
        return self.scoring not in (IN_SAMPLE, LABELS) and self.max_rounds > 0

    @property
    def network(self) -> BackboneConfig:
        """The network that decides what a scorer of patches removes.

        Raises:
            WrongValue: None is set.
        """
        if self.backbone is None:
            raise WrongValue(
                "backbone",
                None,
                f"leaves scoring={self.scoring} no network to look through; choose one, as "
                "backbone@refine.backbone=efficientnet_lite0",
            )
        return self.backbone

    @classmethod
    def identity_of(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The name and the settings that matter to it."""
        return {"name": str(values.get("name")), **effective(values)}


DEFAULTS = {field.name: field.default for field in dataclasses.fields(RefineConfig)}

OF_MUTUAL = {"references", "bank_share"}
OF_PATCHES = {"backbone", "grid", "views", *OF_MUTUAL}


def effective(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that change what a method removes; the others do nothing.

    Args:
        values: A ``refine`` block, checked or not; what is left out counts with its default.

    Returns:
        By field name, in the order of the declaration; nothing for a method that never prunes.
    """
    block = {name: values.get(name, default) for name, default in DEFAULTS.items()}
    if not block["max_rounds"] or block["scoring"] == LABELS:
        return {}
    unused = {"name"}
    if block["scoring"] == IN_SAMPLE:
        unused |= {"folds", *OF_PATCHES}
    else:  # these remove first, and the detector is fitted once
        unused |= {"round_epochs", "retrain"}
    if block["scoring"] == "cross_fit":
        unused |= OF_PATCHES
    elif block["scoring"] == "gaussian":
        unused |= OF_MUTUAL
    elif block["scoring"] == "mutual":
        unused.add("folds")
    if block["rule"] in RULES and RULES[block["rule"]] is None:
        unused.add("k")
    found = {name: value for name, value in block.items() if name not in unused}
    if isinstance(found.get("backbone"), Mapping):
        found |= {f"backbone.{k}": v for k, v in identity(BackboneConfig, found["backbone"]).items()}
        found["backbone"] = found["backbone.name"]
    return found
