"""Whether two sweep folders hold the same figures: ``equal.py SWEEP OTHER [MORE …]``.

All of ``metrics.json`` but times, versions and whether it was resumed; every line of ``removed.csv``,
``scores.csv`` and ``manifest.csv``; ``rounds.csv`` without its seconds. Exits with 1 if any differ.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

TIMES = ("seconds", "resumed", "versions")


def figures(cell: Path) -> dict[str, Any]:
    metrics = json.loads((cell / "metrics.json").read_text())
    found: dict[str, Any] = {k: v for k, v in metrics.items() if k not in TIMES}
    for name in ("removed", "scores", "manifest", "rounds"):
        with (cell / f"{name}.csv").open(newline="") as stream:
            found[name] = [
                {k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)
            ]
    return found


def cells(sweep: Path) -> set[str]:
    return {str(file.parent.relative_to(sweep)) for file in sweep.rglob("metrics.json")}


def differences(first: Path, other: Path) -> list[str]:
    """One line for each cell that only one of them has, or whose figures differ."""
    names = cells(first), cells(other)
    for sweep, found_there in zip((first, other), names, strict=True):
        if not found_there:
            sys.exit(f"{sweep} holds no run; give a sweep folder")
    found = [f"{name}: only in one of them" for name in sorted(names[0] ^ names[1])]
    for name in sorted(names[0] & names[1]):
        a, b = figures(first / name), figures(other / name)
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
