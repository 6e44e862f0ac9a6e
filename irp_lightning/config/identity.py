"""Identity of a run: the part of a configuration that defines it."""

from collections.abc import Mapping
from typing import Any

from irp_lightning.config.experiment import Experiment
from irp_lightning.config.older import brought_up_to_date
from irp_lightning.foundation.fields import identity, unnamed

__all__ = ["UNNAMED", "differences", "run_identity"]

UNNAMED = ("experiment", "hydra", *unnamed(Experiment))
"""Keys that stand in no cell's name: where things are and on what they run; ``experiment`` is spelt out
by what it sets, and hydra's are not the run's."""


def run_identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a run: equal for runs that are the same, wherever and on whatever they are computed.

    Args:
        config: As composed, or as read from a run folder of this or an older version.

    Returns:
        Plain values by dotted key.
    """
    return identity(Experiment, brought_up_to_date(config))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The keys in which two configurations are different runs, with both values."""
    one, other = run_identity(before), run_identity(now)
    return [
        (key, one.get(key), other.get(key)) for key in {**other, **one} if one.get(key) != other.get(key)
    ]
