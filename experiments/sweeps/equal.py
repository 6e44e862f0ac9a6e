"""Whether two sweep folders hold the same figures: ``equal.py SWEEP OTHER [MORE …]``.

Figures are what :func:`irp_lightning.runs.record.figures_of` tells of a run: all of ``metrics.json`` but
times, versions and whether it was resumed; every line of ``removed.csv``, ``scores.csv`` and
``manifest.csv``, but for where the images lie; ``rounds.csv`` without its seconds. Exits with 1 if any
differ.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.sweeps import records

from irp_lightning.runs.record import Record, figures_of


def cells(sweep: Path) -> dict[str, Record]:
    """The complete cells by name."""
    return {str(record.folder.relative_to(sweep)): record for record in records(sweep)}


def differences(first: Path, other: Path) -> list[str]:
    """One line for each cell that only one of them has complete, or whose figures differ."""
    both = cells(first), cells(other)
    for sweep, found_there in zip((first, other), both, strict=True):
        if not found_there:
            sys.exit(f"{sweep} holds no run; give a sweep folder")
    names = [set(found_there) for found_there in both]
    found = [f"{name}: only in one of them" for name in sorted(names[0] ^ names[1])]
    for name in sorted(names[0] & names[1]):
        a, b = (figures_of(found_there[name]) for found_there in both)
        keys = [key for key in {**a, **b} if a.get(key) != b.get(key)]
        if keys:
            found.append(f"{name}: {', '.join(keys)}")
    return found


def main() -> None:
    first, *others = map(Path, sys.argv[1:])
    differ = False
    for other in others:
        found = differences(first, other)
        print(f"{first} and {other}: {len(cells(first))} cells, {len(found)} differ")
        print(*found, sep="\n", end="\n" if found else "")
        differ = differ or bool(found)
    sys.exit(differ)


if __name__ == "__main__":
    main()
