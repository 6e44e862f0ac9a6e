"""Caveats of a comparison: different images, and data that falsify figures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.values import Dataset

__all__ = ["caveats"]

MOST = 20
"""Lines of each kind."""


def caveats(runs: Sequence[Run]) -> list[str]:
    """Lines for the head of a report, the gravest first.

    Args:
        runs: All finished runs, repeated ones too.
    """
    return [
        *_first(_unequal_repetitions(runs)),
        *_first(_other_images(runs)),
        *_first(_other_masks(runs)),
        *_first(_falsifying(runs)),
    ]


def _unequal_repetitions(runs: Iterable[Run]) -> list[str]:
    """Runs of equal settings whose images or figures differ: one of them counts, and which matters."""
    alike: defaultdict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        alike[run.method, *run.setting].append(run)
    lines = []
    for first, *others in alike.values():
        for run in others:
            images = "" if run.seen == first.seen else "other images, "
            if images or _figures(run) != _figures(first):
                lines.append(
                    f"{run.folder} has the settings of {first.folder}, which counts, and {images}"
                    f"AUROC {_area(run)} where that has {_area(first)}: remove or move the one that "
                    "should not count"
                )
    return lines


def _figures(run: Run) -> tuple[object, ...]:
    return run.auroc, run.removed_bad, run.removed_good, run.rounds


def _area(run: Run) -> str:
    return "none" if run.auroc is None else f"{run.auroc:.4f}"


def _other_images(runs: Iterable[Run]) -> list[str]:
    """Cells beside each other that did not see the same images: a folder that changed between them."""
    tested: defaultdict[tuple[Dataset, str, int], Counter[str]] = defaultdict(Counter)
    trained: defaultdict[tuple[tuple[Dataset, str, int], float, str], Counter[str]] = defaultdict(
        Counter
    )
    for run in runs:
        tested[run.draw][run.tested] += 1
        trained[run.draw, run.noise, run.tested][run.trained] += 1
    return [
        *(_apart(draw, "tested", sets) for draw, sets in sorted(tested.items()) if len(sets) > 1),
        *(
            _apart(draw, f"trained at noise {noise}", sets)
            for (draw, noise, _), sets in sorted(trained.items())
            if len(sets) > 1
        ),
    ]


def _apart(draw: tuple[Dataset, str, int], did: str, sets: Counter[str]) -> str:
    dataset, category, seed = draw
    return (
        f"{category} ({dataset}, seed {seed}): {sets.total()} runs were {did} on {len(sets)} sets of "
        f"images ({_sizes(sets)} runs) and are paired only within a set: images were added or "
        "removed in between; compute them again with sweep.force=true"
    )


def _other_masks(runs: Iterable[Run]) -> list[str]:
    """Cells beside each other whose pixel measures are by other masks of the same images."""
    found: defaultdict[tuple[tuple[Dataset, str, int], str], Counter[str]] = defaultdict(Counter)
    for run in runs:
        masks = run.images.get("masks")  # older runs do not say
        if masks and run.record.metrics.get("pixel_auroc") is not None:
            found[run.draw, run.tested][str(masks)] += 1
    return [
        f"{category} ({dataset}, seed {seed}): {sets.total()} runs were measured by {len(sets)} sets of "
        f"masks ({_sizes(sets)} runs): masks changed in between, and pixel AUROC and AUPRO are "
        "not comparable; compute them again with sweep.force=true"
        for ((dataset, category, seed), _), sets in sorted(found.items())
        if len(sets) > 1
    ]


def _sizes(sets: Counter[str]) -> str:
    return ", ".join(map(str, sorted(sets.values(), reverse=True)))


def _falsifying(runs: Iterable[Run]) -> list[str]:
    """What runs said of their images, where it makes figures false."""
    found: Counter[tuple[str, str]] = Counter()
    for run in runs:
        rows = run.images.get("remarks")
        found.update(
            {
                (run.category, str(row.get("text")))
                for row in (rows if isinstance(rows, list) else [])
                if isinstance(row, dict) and row.get("falsifies")
            }
        )
    return [f"{category} ({_runs(count)}): {text}" for (category, text), count in sorted(found.items())]


def _runs(count: int) -> str:
    return f"{count} run{'s' if count > 1 else ''}"


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - MOST
    return [*lines[:MOST], *([f"… and {more} more of this kind"] if more > 0 else [])]
