"""Values on the command line: which quotes they need where Hydra would read something else."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import fields

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, RangeSweep
from hydra.errors import OverrideParseException

from irp_lightning.config.experiment import Experiment
from irp_lightning.config.renamed import check_renamed
from irp_lightning.foundation.errors import InputError

__all__ = ["check_overrides", "without_sweeps"]

OVERRIDE = re.compile(r"(?P<key>(\+{0,2}|~)\w[\w.@/:-]*)=(?P<value>.*)", re.DOTALL)

GROUPS = {
    *(field.name for field in fields(Experiment) if "group" in field.metadata),
    *("experiment", "refine/scoring", "refine/rule"),
}
"""Keys whose values are files of ``conf/``."""

NAMES = ("data.category", "name", "sweep.name")
"""Keys whose values are names, whatever they look like."""


def check_overrides(arguments: Sequence[str]) -> None:
    """Refuse values that need quotes, and give them with their quotes.

    Paths hold ``=``, parentheses, braces, tildes, which mean something in Hydra's grammar; a name such
    as ``1e1`` is a number in it.

    Args:
        arguments: Of the command line; those that are no ``key=value`` are passed over.

    Raises:
        InputError: A value cannot be read, or a name reads as something else.
    """
    parser = OverridesParser.create()
    for argument in arguments:
        found = OVERRIDE.fullmatch(argument)
        if found is None:
            continue
        key, given = found["key"], found["value"]
        check_renamed(argument)
        try:
            read = parser.parse_overrides([argument])[0]
        except OverrideParseException as error:
            if given[:1] in tuple("'\"[{"):  # somebody who knows the grammar
                reason = str(error).partition("\n")[0]
                raise InputError(f"{argument} cannot be read: {reason}") from error
            raise InputError(
                f"{argument} contains a character with a special meaning in Hydra; quote the value, and "
                f"the argument for the shell: {_quoted(key, given)}"
            ) from error
        if read.is_sweep_override():
            continue
        value = read.value()
        group = key.lstrip("+").partition("@")[0]
        if group in GROUPS and not isinstance(value, str | list):
            raise InputError(f"{argument} is empty; name a file of conf/{group}")
        if key in NAMES and isinstance(value, int | float) and str(value) != given:
            raise InputError(
                f"{argument} is read as {value}; a name that looks like a number or a truth value needs "
                f"quotes within quotes: {_quoted(key, given)}"
            )


def without_sweeps(arguments: Sequence[str]) -> list[list[str]]:
    """The overrides of a command line, each sweep replaced by one of its values.

    Args:
        arguments: That :func:`check_overrides` has passed.

    Returns:
        The overrides with the first value of each sweep, then with the second, as far as any sweep goes:
        every choice that a sweep names is in one of them. Sweeps that name no values, such as
        ``interval(0, 1)``, are left out.
    """
    given = [a for a in arguments if OVERRIDE.fullmatch(a) or a.startswith("~")]
    values: list[list[str]] = []
    for text, read in zip(given, OverridesParser.create().parse_overrides(given), strict=True):
        key = text.partition("=")[0]
        if not read.is_sweep_override():
            values.append([text])
        elif isinstance(read.value(), ChoiceSweep | RangeSweep):
            swept = [f"{key}={value}" for value in read.sweep_string_iterator()]
            values.append(swept if read.key_or_group in GROUPS else swept[:1])
    rounds = max(map(len, values), default=0)
    return [[found[min(i, len(found) - 1)] for found in values] for i in range(rounds)]


def _quoted(key: str, value: str) -> str:
    escaped = value.replace('"', '\\"')
    return shlex.quote(f'{key}="{escaped}"')
