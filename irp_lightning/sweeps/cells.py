"""The cells of a sweep: which there are, and the folder of each."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from irp_lightning.foundation.errors import InputError

__all__ = ["cell_name", "list_cells"]

LONGEST = 200
"""Bytes of a name; file systems take 255, and files are written under a longer one first."""


FIRST = ("data.category", "model", "refine", "lam", "noise", "seed")
"""Keys that sweeps are mostly over stand in front, so that no cut takes them off."""


def cell_name(overrides: Sequence[str], left_out: Sequence[str]) -> str:
    """The folder of a cell: readable, and the same however the command was written.

    >>> cell_name(["noise=0.10", "+experiment=demo", "lam=2.0", "data.root=/a"], ["data.root"])
    'lam=2,noise=0.1,experiment=demo'

    Args:
        overrides: The overrides of one job, without sweeps.
        left_out: Keys that say where things are and not what they are; whatever lies below them
            (``logger`` and ``logger.wandb.tags``) is left out too.

    Returns:
        ``key=value`` in a fixed order, with commas between; ``default`` where no override is left.
    """
    values = {
        override.get_key_element().lstrip("+"): _text(override)
        for override in OverridesParser.create().parse_overrides(list(overrides))
        if not _below(override.key_or_group, left_out)
    }
    order = sorted(values, key=lambda key: (FIRST.index(key) if key in FIRST else len(FIRST), key))
    name = ",".join(f"{key}={values[key]}" for key in order) or "default"
    data = name.encode()
    if len(data) > LONGEST:
        name = f"{data[: LONGEST - 9].decode(errors='ignore')}-{zlib.crc32(data):08x}"
    return name


def list_cells(overrides: Sequence[str], left_out: Sequence[str]) -> list[str]:
    """The folders of all cells that Hydra's own sweeper makes of a command's overrides.

    Raises:
        InputError: Two cells would have the same folder.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    names = [cell_name(job, left_out) for job in jobs]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        unnamed = [o.key_or_group for o in parsed if o.is_sweep_override()]
        unnamed = [key for key in unnamed if _below(key, left_out)]
        reason = f"{', '.join(unnamed)} is left out of names" if unnamed else "a value is swept twice"
        raise InputError(
            f"{count} cells of this sweep would share the folder {name}: {reason}; sweep each value "
            "once, or name cells by all overrides (hydra.job.config.override_dirname.exclude_keys=[])"
        )
    return names


def _below(key: str, left_out: Sequence[str]) -> bool:
    return any(key == other or key.startswith((f"{other}.", f"{other}/")) for other in left_out)


def _text(override: Override) -> str:
    """The value as a part of a file name; 0.10 and 0.1, 2.0 and 2 are the same."""
    value = override.value()
    if isinstance(value, float):
        text = f"{value:.12g}"  # range(0,0.5,0.1) has a 0.30000000000000004
    else:
        text = override.get_value_element_as_str() if isinstance(value, list | dict) else str(value)
    # Letters of any script stay; what a path or a shell would trip over is written as %XX.
    return re.sub(r"[^\w.+-]", lambda match: quote(match.group(), safe=""), text)
