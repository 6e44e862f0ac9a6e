"""Names for what is compared: short where they can be, with settings where runs of one name differ."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.settings import Settings

__all__ = ["Labelled", "base_name", "label", "method_rank", "percent", "without_duplicates"]

ORDER = ("none", "osr", "irp", "irp_all", "robust", "oracle")
SHOWN = {"none": "vanilla"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A run and the three names that it goes by; equal names mean equal settings.

    Attributes:
        run: The run.
        method: Such as ``irp (lam=1.5)``.
        detector: Such as ``gaussian``.
        dataset: Such as ``mvtec``.
    """

    run: Run
    method: str
    detector: str
    dataset: str

    @property
    def setting(self) -> tuple[str, str, str, float, int]:
        """All but the method: runs that agree in it make a pair."""
        return self.dataset, self.detector, self.run.category, self.run.noise, self.run.seed


def label(runs: Sequence[Run]) -> list[Labelled]:
    """Name the method, detector and dataset of every run.

    A name carries exactly the settings in which runs of that name differ, over all runs given: a name
    means the same in every table.
    """
    methods = _names(runs, lambda run: (run.method[0],), lambda run: run.method[1])
    detectors = _names(runs, lambda run: run.detector[:2], lambda run: run.detector[2], " on ")
    datasets = _names(runs, lambda run: run.dataset[:2], lambda run: run.dataset[2], ": ")
    return [
        Labelled(run, method, detector, dataset)
        for run, method, detector, dataset in zip(runs, methods, detectors, datasets, strict=True)
    ]


def without_duplicates(runs: Iterable[Labelled]) -> tuple[list[Labelled], list[tuple[Path, Path]]]:
    """Of runs that are equal in everything, the first by path.

    Returns:
        The runs that count, and for each other its folder and the folder of the run that counts.
    """
    first: dict[tuple[object, ...], Labelled] = {}
    repeated = []
    for run in runs:
        kept = first.setdefault((run.method, *run.setting), run)
        if kept is not run:
            repeated.append((run.run.folder, kept.run.folder))
    return list(first.values()), repeated


def base_name(method: str) -> str:
    """``irp`` of ``irp (lam=2)``."""
    return method.partition(" (")[0]


def method_rank(method: str) -> tuple[int, str]:
    """A key that sorts methods: vanilla first, the oracle last, others by name between them."""
    order = [SHOWN.get(name, name) for name in ORDER]
    name = base_name(method)
    return (order.index(name) if name in order else len(ORDER) - 2), method


def percent(noise: float) -> str:
    """A noise level for a heading."""
    return f"{100 * noise:.6g} %"


def _names(
    runs: Sequence[Run],
    parts: Callable[[Run], tuple[str, ...]],
    settings: Callable[[Run], Settings],
    joint: str = "",
) -> list[str]:
    named: dict[tuple[str, ...], list[Settings]] = defaultdict(list)
    for run in runs:
        named[parts(run)].append(settings(run))
    # A second part (backbone, root) is told only where the first has several.
    seconds: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for first, *rest in named:
        seconds[first].add(tuple(rest))
    differing = {key: _differing(found) for key, found in named.items()}
    names = []
    for run in runs:
        (first, *rest), own = parts(run), settings(run)
        name = SHOWN.get(first, first) if not rest else first
        if rest and len(seconds[first]) > 1:
            name = f"{name}{joint}{rest[0]}"
        shown = [f"{_known_as(key, own)}={own[key]}" for key in differing[parts(run)] if key in own]
        names.append(f"{name} ({', '.join(shown)})" if shown else name)
    return names


def _known_as(key: str, settings: Settings) -> str:
    # The paper's λ is the k of its rule.
    return "lam" if key == "k" and settings.get("rule") == "lambda_median" else key


def _differing(found: Sequence[Settings]) -> list[str]:
    """The keys that tell the settings apart, in the order of the configuration."""
    keys = dict.fromkeys(key for settings in found for key in settings)
    several = [key for key in keys if len({s[key] for s in found if key in s}) > 1]

    def apart(chosen: list[str]) -> int:
        return len({tuple(settings.get(key) for key in chosen) for settings in found})

    # A key that one scoring has and another has not says no more than the scoring, mostly.
    every = [key for key in keys if len({settings.get(key) for settings in found}) > 1]
    return several if apart(several) == apart(every) else every
