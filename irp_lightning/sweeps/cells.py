"""The cells of a sweep, named by what makes each the run that it is."""

import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from urllib.parse import quote

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from irp_lightning.config.identity import UNNAMED
from irp_lightning.foundation.errors import InputError
from irp_lightning.sweeps.idle import key_of

__all__ = ["cell_name", "list_cells"]

LONGEST = 200
"""Bytes of a name; file systems take 255, and files are written under a longer one first."""

FIRST = ("data.category", "model", "refine", "lam", "noise", "seed")
"""Keys that sweeps are mostly over stand in front, so that no cut takes them off."""

CHOICES = ("trainer",)
"""Groups whose files differ in places alone, though not all that can be set below them is one."""


def cell_name(overrides: Sequence[str]) -> str:
    """The folder of a cell: readable, and the same however the command was written.

    >>> cell_name(["noise=0.10", "+experiment=demo", "lam=2.0", "data.root=/a"])
    'lam=2,noise=0.1'

    Args:
        overrides: Those of one job that change something, without sweeps. What says where things are
            and not what they are is left out.

    Returns:
        ``key=value`` in a fixed order, with commas between; ``default`` where no override is left.
    """
    values = {
        _shown(override.get_key_element().lstrip("+")): _text(override)
        for override in OverridesParser.create().parse_overrides(list(overrides))
        if not _is_unnamed(override.key_or_group)
    }
    order = sorted(values, key=lambda key: (FIRST.index(key) if key in FIRST else len(FIRST), key))
    name = ",".join(f"{key}={values[key]}" for key in order) or "default"
    data = name.encode()
    if len(data) > LONGEST:
        name = f"{data[: LONGEST - 9].decode(errors='ignore')}-{zlib.crc32(data):08x}"
    return name


def list_cells(
    overrides: Sequence[str], idle: Callable[[Sequence[str]], Sequence[str]]
) -> dict[str, list[list[str]]]:
    """All cells that Hydra's own sweeper makes of a command's overrides.

    Args:
        overrides: The command's.
        idle: Names those of a job's overrides that change nothing there.

    Returns:
        By folder, the idle overrides of each job that it stands for.

    Raises:
        InputError: Two jobs that differ would have the same folder, or a value changes nothing anywhere.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    (jobs,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    cells: dict[str, list[list[str]]] = defaultdict(list)
    nowhere = {key_of(override) for override in jobs[0]}
    for job in jobs:
        idlers = list(idle(job))
        cells[cell_name([o for o in job if o not in idlers])].append(idlers)
        nowhere &= {key_of(override) for override in idlers}
    if nowhere:
        key = min(nowhere)
        raise InputError(f"{key} has no effect in any cell of this sweep; leave it out")
    swept = [o.key_or_group for o in parsed if o.is_sweep_override()]
    for name, jobs_of in cells.items():
        if len({tuple(i) for i in jobs_of}) < len(jobs_of):
            unnamed = [key for key in swept if _is_unnamed(key)]
            reason = (
                f"{', '.join(unnamed)} is left out of names" if unnamed else "a value is swept twice"
            )
            raise InputError(
                f"{len(jobs_of)} cells of this sweep would share the folder {name}: {reason}; sweep "
                "each value once, or give each its own sweep.name"
            )
    return dict(cells)


def _is_unnamed(key: str) -> bool:
    return key in CHOICES or any(
        key == other or key.startswith((f"{other}.", f"{other}/")) for other in UNNAMED
    )


def _shown(key: str) -> str:
    """A key as a part of a file name; an argument of a scoring or a rule is the method's.

    >>> _shown("refine/rule"), _shown("refine.rule.k"), _shown("refine.rule._target_")
    ('refine.rule', 'refine.k', 'refine.rule._target_')
    """
    return re.sub(r"refine\.(?:scoring|rule)\.(?!_)", "refine.", key.replace("/", "."))


def _text(override: Override) -> str:
    """The value as a part of a file name; 0.10 and 0.1, 2.0 and 2 are the same."""
    value = override.value()
    if isinstance(value, float):
        text = f"{value:.12g}"  # range(0,0.5,0.1) has a 0.30000000000000004
    else:
        text = override.get_value_element_as_str() if isinstance(value, list | dict) else str(value)
    # Letters of any script stay; what a path or a shell would trip over is written as %XX.
    return re.sub(r"[^\w.+-]", lambda match: quote(match.group(), safe=""), text)
