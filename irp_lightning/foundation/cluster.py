"""Ray, which starts jobs where it finds room."""

import os
from typing import Any

from irp_lightning.foundation.errors import InputError

__all__ = ["connected_ray"]


def connected_ray(**arguments: Any) -> Any:
    """The module ``ray``, connected to the cluster that RAY_ADDRESS names, or else to one made here.

    Args:
        **arguments: Of ``ray.init``, where that was not called before.

    Raises:
        InputError: Ray is not installed.
    """
    # Before it is imported: it would call home, and lines of two jobs may well look alike.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    try:
        import ray
    except ImportError:
        raise InputError("Ray is needed, and not installed; pip install 'irp-lightning[ray]'") from None
    if not ray.is_initialized():
        ray.init(**arguments)
    return ray
