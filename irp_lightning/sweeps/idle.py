"""Knobs that do nothing for the chosen method, such as λ for one whose rule has none."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from irp_lightning.refinement.config import effective

__all__ = ["idle_overrides", "key_of"]

KNOBS = ("lam", "max_rounds", "round_epochs")
"""Top-level keys that reach a method through its ``refine`` block or not at all."""

SWITCHES = ("refine.name", "refine.scoring", "refine.max_rounds")
"""These decide what else has an effect, and so have one."""


def key_of(override: str) -> str:
    """The key that an override sets.

    >>> key_of("+refine.k=2"), key_of("backbone@refine.backbone=timm"), key_of("refine=irp")
    ('refine.k', 'refine.backbone', 'refine')
    """
    parsed = OverridesParser.create().parse_override(override)
    package = parsed.package or ""
    return package if package.startswith("refine.") else str(parsed.key_or_group)


def idle_overrides(overrides: Sequence[str], refine: DictConfig) -> list[str]:
    """The overrides that change nothing, whatever their value.

    Args:
        overrides: Of one run, without sweeps.
        refine: The composed ``refine`` group, its interpolations as they were written.
    """
    raw: Any = OmegaConf.to_container(refine, resolve=False)
    used = effective(raw)  # what it looks at is never interpolated but in the values that it passes on
    taken = {str(raw.get(name)) for name in used}
    working = {f"refine.{name}" for name in used} | {k for k in KNOBS if f"${{{k}}}" in taken}
    return [
        override
        for override in overrides
        if (key := key_of(override)) not in working
        and (key in KNOBS or (key.startswith("refine.") and key not in SWITCHES))
    ]
