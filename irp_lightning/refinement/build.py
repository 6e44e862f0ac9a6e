"""From a configuration to a scorer and a pruning."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from irp_lightning.foundation.errors import WrongValue, named
from irp_lightning.foundation.plugins import named_object
from irp_lightning.refinement.config import RefineConfig, RuleConfig, ScoringConfig
from irp_lightning.refinement.judgement import Pruning
from irp_lightning.refinement.rules import Rule
from irp_lightning.refinement.scoring import Scorer, TrainingImages

__all__ = ["build_pruning", "build_scorer", "find_rule", "find_scorer"]


def build_scorer(scoring: ScoringConfig, images: TrainingImages) -> Scorer:
    """The scorer of some training images.

    Raises:
        WrongValue: There is no such class, or it takes other arguments.
    """
    return find_scorer(scoring)(images, **scoring.rest)


def build_pruning(refine: RefineConfig) -> Pruning:
    """What a method removes by the scores, and how often.

    Raises:
        WrongValue: There is no such rule, or it takes other arguments.
    """
    assert refine.rule is not None  # a method that prunes has one
    with named("rule"):
        rule = find_rule(refine.rule)
    return Pruning(
        rule=rule,
        remove=refine.remove,
        max_rounds=refine.max_rounds,
        patience=refine.patience,
        max_removed=refine.max_removed,
    )


def find_scorer(scoring: ScoringConfig) -> type[Scorer]:
    """The class of a scorer.

    Raises:
        WrongValue: There is none of that name, it does not say what it wants, or it takes other
            arguments.
    """
    target = scoring._target_
    scorer: type[Scorer] = named_object("_target_", target)
    if not isinstance(scorer, type) or getattr(scorer, "wants", None) not in ("views", "patches"):
        reason = 'is not a class with wants = "views" or "patches"; see docs/extending.md'
        raise WrongValue("_target_", target, reason)
    _check_arguments(target, scorer, scoring.rest, "the training images")
    return scorer


def find_rule(rule: RuleConfig) -> Rule:
    """A rule with its arguments.

    Raises:
        WrongValue: There is no such function, or it takes other arguments.
    """
    found = named_object("_target_", rule._target_)
    if not callable(found):
        raise WrongValue("_target_", rule._target_, "is not a function; see docs/extending.md")
    _check_arguments(rule._target_, found, rule.rest, "the scores")
    return partial(found, **rule.rest)


def _check_arguments(
    target: str, called: Callable[..., Any], arguments: dict[str, Any], first: str
) -> None:
    try:
        inspect.signature(called).bind(None, **arguments)
    except TypeError as error:
        reason = f"cannot be called: {error}; it is called with {first} and the keys beside _target_"
        raise WrongValue("_target_", target, reason) from error
