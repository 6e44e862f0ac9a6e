"""Refinement: group ``refine`` of the configuration."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from irp_lightning.features.config import BackboneConfig
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import (
    choice,
    flag,
    free,
    group,
    identity,
    load,
    number,
    rest,
    text,
    whole,
)

__all__ = [
    *("CROSS_FIT", "IN_SAMPLE", "LABELS", "RULES", "SCORERS", "TWO_GROUPS"),
    *("CrossFitConfig", "EnsembleConfig", "GaussianConfig", "InSampleConfig", "MutualConfig"),
    *("RefineConfig", "RuleConfig", "ScoringConfig", "TwoGroupsConfig"),
]

IN_SAMPLE = "in_sample"
"""In place of a scorer: the detector scores what it is trained on. The paper's."""

LABELS = "labels"
"""In place of a scorer: exactly the injected defects go. The oracle, for evaluation only."""


@dataclass(frozen=True, kw_only=True)
class NoArguments:
    """Arguments of what takes none."""


@dataclass(frozen=True, kw_only=True)
class InSampleConfig:
    """Training of a detector between its rounds.

    Attributes:
        round_epochs: Fit after each pruning.
        retrain: ``continue``, or ``scratch``: each round fits ``epochs`` from new weights.
    """

    round_epochs: int = whole(1, 2)
    retrain: str = choice("continue", "scratch", default="continue")


@dataclass(frozen=True, kw_only=True)
class CrossFitConfig:
    """Arguments of :class:`irp_lightning.refinement.scorers.cross_fit.CrossFit`.

    Attributes:
        folds: How many detectors; a group of images stays in one fold.
    """

    folds: int = whole(2, 3)


@dataclass(frozen=True, kw_only=True)
class PatchScorerConfig:
    """Arguments of every scorer of patches.

    Attributes:
        grid: Small patches per side; those of twice the side are looked at, too.
        views: Rotated views other images are seen in, for parts at any angle.
    """

    grid: int = whole(1, 10)
    views: int = whole(1, 1)


@dataclass(frozen=True, kw_only=True)
class GaussianConfig(PatchScorerConfig):
    """Arguments of :class:`irp_lightning.refinement.scorers.gaussian.Gaussian`.

    Attributes:
        folds: How many; a group of images stays in one.
        by_place: Compare a patch with the mean of its place, not of all places: for parts that lie alike
            in every picture.
    """

    folds: int = whole(2, 3)
    by_place: bool = flag(False)


@dataclass(frozen=True, kw_only=True)
class MutualConfig(PatchScorerConfig):
    """Arguments of :class:`irp_lightning.refinement.scorers.mutual.Mutual`.

    Attributes:
        references: Images that others are held against; where there are more, a seeded draw.
        bank_share: How large a bank of references is imagined, as a share of all.
    """

    references: int = whole(2, 2000)
    bank_share: float = number(math.ulp(0), 1, "a share above 0 and at most 1, such as 0.3", 1.0)


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(MutualConfig, GaussianConfig):
    """Arguments of :class:`irp_lightning.refinement.scorers.ensemble.Ensemble`: those of both."""


SCORERS: dict[str, type] = {
    IN_SAMPLE: InSampleConfig,
    LABELS: NoArguments,
    "irp_lightning.refinement.scorers.cross_fit.CrossFit": CrossFitConfig,
    "irp_lightning.refinement.scorers.ensemble.Ensemble": EnsembleConfig,
    "irp_lightning.refinement.scorers.gaussian.Gaussian": GaussianConfig,
    "irp_lightning.refinement.scorers.mutual.Mutual": MutualConfig,
}
"""The arguments of the project's own scorers, which take them by name and load them, and of what stands
in place of a scorer. A user's class declares its arguments by its signature."""

CROSS_FIT = "irp_lightning.refinement.scorers.cross_fit.CrossFit"
"""The one that fits detectors of its own."""


@dataclass(frozen=True, kw_only=True)
class SpreadsConfig:
    """Argument of a rule whose ``k`` is no share.

    Attributes:
        k: How far above the ordinary the threshold is.
    """

    # At least 0.5: another rule's share, left standing, would remove half of all.
    k: float = number(0.5, math.inf, "a number of at least 0.5")


@dataclass(frozen=True, kw_only=True)
class ShareConfig:
    """Argument of a rule whose ``k`` is a share of images.

    Attributes:
        k: The share.
    """

    k: float = number(0, 1, "a share between 0 and 1, such as 0.1", open_ends=True)


TWO_GROUPS = "irp_lightning.refinement.two_groups.two_groups"
"""The rule that also estimates how many images are defective."""


@dataclass(frozen=True, kw_only=True)
class TwoGroupsConfig(ShareConfig):
    """Arguments of :func:`irp_lightning.refinement.two_groups.two_groups`.

    Attributes:
        remove: ``sure``, or ``likely``: all images that are worth a look.
    """

    remove: str = choice("sure", "likely", default="sure")


RULES: dict[str, type] = {
    **{
        f"irp_lightning.refinement.rules.{name}": declared
        for name, declared in (
            *((name, SpreadsConfig) for name in ("lambda_median", "mad", "iqr", "lower_mad")),
            *((name, ShareConfig) for name in ("false_discovery", "top_share")),
            ("otsu", NoArguments),
        )
    },
    TWO_GROUPS: TwoGroupsConfig,
}
"""The arguments of the project's own rules; a user's function declares its own by its signature."""


def _dotted(value: Any) -> str:
    if not isinstance(value, str) or "." not in value.strip("."):
        raise ValueError("is not allowed; name your own, as my_module.my_name")
    return value


def _scorer(value: Any) -> str:
    return value if value in (IN_SAMPLE, LABELS) else _dotted(value)


def _arguments(values: Mapping[str, Any], declared: type | None) -> dict[str, Any]:
    given = {k: v for k, v in values.items() if k not in ("_target_", "backbone")}
    return identity(declared, given) if declared else given


@dataclass(frozen=True, kw_only=True)
class ScoringConfig:
    """Scorer of the training images.

    Attributes:
        _target_: The scorer's class, ``module.Class``; or ``in_sample`` or ``labels``, which have none.
        backbone: The network that a scorer of patches looks through.
        rest: The scorer's arguments, besides the images.
    """

    _target_: str = free(_scorer)
    backbone: BackboneConfig | None = group(BackboneConfig, optional=True)
    rest: dict[str, Any] = rest()

    def __post_init__(self) -> None:
        if (declared := SCORERS.get(self._target_)) is None:
            return
        load(declared, self.rest)
        if self.backbone is not None and not issubclass(declared, PatchScorerConfig):
            reason = f"has no effect on {self.title}, which uses no patches; leave it out"
            raise WrongValue("backbone", self.backbone.name, reason)

    @property
    def title(self) -> str:
        """What tables call it: the name of its file in ``conf/refine/scoring``, or the user's class."""
        return _scorer_title(self._target_)

    @property
    def views(self) -> int:
        """The rotated views that a scorer of patches sees images in."""
        return int(self.rest.get("views", 1))

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
                f"leaves {self.title} without a network; choose one, as "
                "backbone@refine.scoring.backbone=efficientnet_lite0",
            )
        return self.backbone

    @classmethod
    def identity_of(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, those left out by their defaults where they are declared."""
        declared, backbone = SCORERS.get(str(values.get("_target_"))), values.get("backbone")
        found = _arguments(values, declared)
        if isinstance(backbone, Mapping) and (
            declared is None or issubclass(declared, PatchScorerConfig)
        ):
            network = identity(BackboneConfig, backbone)
            found |= {"backbone": network["name"], **{f"backbone.{k}": v for k, v in network.items()}}
        return found


@dataclass(frozen=True, kw_only=True)
class RuleConfig:
    """Rule that finds the threshold of the scores.

    Attributes:
        _target_: The function, ``module.function``.
        rest: Its arguments, besides the scores.
    """

    _target_: str = free(_dotted)
    rest: dict[str, Any] = rest()

    def __post_init__(self) -> None:
        if (declared := RULES.get(self._target_)) is not None:
            load(declared, self.rest)

    @property
    def title(self) -> str:
        """What tables call it."""
        return _rule_title(self._target_)

    @classmethod
    def identity_of(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments."""
        return _arguments(values, RULES.get(str(values.get("_target_"))))


def _scorer_title(target: str) -> str:
    return target.split(".")[-2] if target in SCORERS and "." in target else target


def _rule_title(target: str) -> str:
    return target.rpartition(".")[2] if target in RULES else target


@dataclass(frozen=True, kw_only=True)
class RefineConfig:
    """Removal of training images: the scoring, the rule and the rounds.

    Attributes:
        name: What the method is called in tables.
        scoring: What scores the images; None: nothing is removed.
        rule: What finds the threshold; None: nothing is removed by scores.
        remove: ``worst`` (Algorithm 1) or ``all`` (Eq. 6).
        max_rounds: How often to prune at most; 0: never.
        patience: Rounds in a row without a removal that count as convergence.
        max_removed: Never prune past this share of the training images.
    """

    name: str = text()
    scoring: ScoringConfig | None = group(ScoringConfig, optional=True)
    rule: RuleConfig | None = group(RuleConfig, optional=True)
    remove: str = choice("worst", "all", default="worst")
    max_rounds: int = whole(0, 0)
    patience: int = whole(1, 1)
    max_removed: float = number(0, 1, "a share between 0 and 1, such as 0.5", 0.5, open_ends=True)

    def __post_init__(self) -> None:
        if self.max_rounds and (self.scoring is None or self.rule is None):
            part = "scoring" if self.scoring is None else "rule"
            raise WrongValue(
                "max_rounds", self.max_rounds, f"needs refine.{part}; take another method, such as irp"
            )

    @property
    def is_oracle(self) -> bool:
        """True if exactly the injected defects are removed."""
        return self.scoring is not None and self.scoring._target_ == LABELS

    @property
    def is_in_sample(self) -> bool:
        """True if the detector scores its own training images between rounds."""
        return self.scorer == IN_SAMPLE

    @property
    def is_out_of_sample(self) -> bool:
        """True if images are removed before the detector is fitted, without labels."""
        return self.scorer not in (None, IN_SAMPLE)

    @property
    def scorer(self) -> str | None:
        """What scores the images, ``scoring._target_``; None where nothing is removed by scores."""
        if not self.max_rounds or self.scoring is None or self.is_oracle:
            return None
        return self.scoring._target_

    @classmethod
    def identity_of(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The name and, of a method that prunes, its settings."""
        found = {"name": str(values.get("name"))}
        scoring, rule = values.get("scoring"), values.get("rule")
        if not (values.get("max_rounds") and isinstance(scoring, Mapping) and isinstance(rule, Mapping)):
            return found
        return {
            **found,
            "scoring": _scorer_title(str(scoring.get("_target_"))),
            **{f"scoring.{key}": value for key, value in ScoringConfig.identity_of(scoring).items()},
            "rule": _rule_title(str(rule.get("_target_"))),
            **{f"rule.{key}": value for key, value in RuleConfig.identity_of(rule).items()},
            **{
                key: values.get(key, cls.__dataclass_fields__[key].default)
                for key in ("remove", "max_rounds", "patience", "max_removed")
            },
        }
