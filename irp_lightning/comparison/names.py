"""Titles for what is compared: short where they can be, settings where values of one name differ."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.values import KNOWN, Method, Value

__all__ = ["percent", "with_titles", "without_duplicates"]

V = TypeVar("V", bound=Value)

SHORT = {"contamination.kind": "contamination", "features.cache": "features.live"}
GROUPS_LEFT_OUT = ("refine", "model", "data", "trainer")


def with_titles(runs: Sequence[Run]) -> list[Run]:
    """Name the method, detector and dataset of every run.

    A title carries exactly the settings in which values of that name differ, over all runs given: it
    means the same in every table.
    """
    methods = _titled(run.method for run in runs)
    detectors = _titled(run.detector for run in runs)
    datasets = _titled(run.dataset for run in runs)
    return [
        replace(
            run,
            method=methods[run.method],
            detector=detectors[run.detector],
            dataset=datasets[run.dataset],
        )
        for run in runs
    ]


def without_duplicates(runs: Iterable[Run]) -> tuple[list[Run], list[tuple[Path, Path]]]:
    """Keep the first by path of runs whose settings are all equal.

    Returns:
        The runs that count, and for each other its folder and the folder of the run that counts.
    """
    first: dict[tuple[object, ...], Run] = {}
    repeated = []
    for run in runs:
        kept = first.setdefault((run.method, *run.setting), run)
        if kept is not run:
            repeated.append((run.folder, kept.folder))
    return list(first.values()), repeated


def percent(noise: float) -> str:
    """A noise level for a heading."""
    return f"{100 * noise:.6g} %"


def _titled(values: Iterable[V]) -> dict[V, V]:
    alike: dict[tuple[str, str], list[V]] = defaultdict(list)
    seconds: dict[str, set[str]] = defaultdict(set)
    for value in dict.fromkeys(values):
        alike[value.name, value.second].append(value)
        seconds[value.name].add(value.second)
    titled = {}
    for (name, second), found in alike.items():
        title = KNOWN[name].title if isinstance(found[0], Method) and name in KNOWN else name
        if len(seconds[name]) > 1:
            title = f"{title}{found[0].joint}{second}"
        told = _differing(found)
        for value in found:
            shown = [f"{_known_as(k, value)}={value.settings[k]}" for k in told if k in value.settings]
            full = f"{title} ({', '.join(shown)})" if shown else title
            titled[value] = replace(value, title=full)
    return titled


def _known_as(key: str, value: Value) -> str:
    if key == "refine.rule.k" and value.settings.get("refine.rule") == "lambda_median":
        return "lam"  # the paper's λ is the k of its rule
    for part in ("refine.scoring.", "refine.rule."):
        key = key.removeprefix(part)
    group, _, name = key.partition(".")
    return SHORT.get(key) or (name if group in GROUPS_LEFT_OUT else key)


def _differing(values: Sequence[Value]) -> list[str]:
    """The keys that tell values apart, in the order of the configuration."""
    found = [value.settings for value in values]
    keys = dict.fromkeys(key for settings in found for key in settings)
    several = [key for key in keys if len({s[key] for s in found if key in s}) > 1]

    def apart(chosen: list[str]) -> int:
        return len({tuple(settings.get(key) for key in chosen) for settings in found})

    # A key that one scoring has and another has not says no more than the scoring, mostly.
    every = [key for key in keys if len({settings.get(key) for settings in found}) > 1]
    told = several if apart(several) == apart(every) else every
    # Of a network its name is enough, unless one name has several settings.
    networks = [f"{key}." for key in told if key.endswith("backbone")]
    short = [key for key in told if not key.startswith(tuple(networks))]
    return short if apart(short) == apart(told) else told
