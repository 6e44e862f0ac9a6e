"""Knobs of the whole configuration that do nothing for the chosen method, such as λ for vanilla."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

__all__ = ["KNOBS", "idle_overrides", "key_of"]

KNOBS = ("lam", "max_rounds", "round_epochs")
"""Top-level keys that reach a method where its ``refine`` block refers to them, or not at all."""


def key_of(override: str) -> str:
    """The key that an override sets.

    >>> key_of("+refine.rule.k=2"), key_of("refine/rule=mad"), key_of("lam=1.5,2")
    ('refine.rule.k', 'refine/rule', 'lam')
    """
    return str(OverridesParser.create().parse_override(override).key_or_group)


def idle_overrides(overrides: Sequence[str], refine: DictConfig) -> list[str]:
    """The overrides that change nothing, whatever their value.

    Args:
        overrides: Of one run, without sweeps.
        refine: The composed ``refine`` group, its interpolations as they were written.
    """
    block = OmegaConf.to_yaml(refine, resolve=False)
    idle = {knob for knob in KNOBS if f"${{{knob}}}" not in block}
    return [override for override in overrides if key_of(override) in idle]
