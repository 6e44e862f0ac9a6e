"""What makes runs less comparable than they look: other test images, and data that falsify figures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.values import Dataset

__all__ = ["caveats"]

MOST = 20
"""Lines of each kind."""


def caveats(runs: Sequence[Run]) -> list[str]:
    """Lines for the head of a report, the gravest first."""
    return [*_first(_other_images(runs)), *_first(_falsifying(runs))]


def _other_images(runs: Iterable[Run]) -> list[str]:
    """Cells beside each other whose test images are not the same: a folder that changed between them."""
    found: defaultdict[tuple[Dataset, str, int], Counter[str]] = defaultdict(Counter)
    for run in runs:
        found[run.draw][run.tested] += 1
    return [
        f"{category} ({dataset}, seed {seed}): {sum(sets.values())} runs were tested on {len(sets)} "
        f"sets of images ({', '.join(map(str, sorted(sets.values(), reverse=True)))} runs) and pair "
        "within a set alone: images came or went in between; compute them anew with sweep.force=true"
        for (dataset, category, seed), sets in sorted(found.items())
        if len(sets) > 1
    ]


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
