"""Is the paper consistent with itself and with its datasets? Computed, not judged.

python experiments/paper/check_paper.py
"""

import itertools
import math
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from common.tables import read_rows
from published import PUBLISHED, Category

from irp_lightning.data.contamination import contaminated_counts
from irp_lightning.foundation.shares import exact

HERE = Path(__file__).parent
NOISES = ("0", "0.1", "0.2", "0.3", "0.4", "0.5")

ROUNDING = 1e-4
"""How far a statistic may be from four printed digits, rounded or cut."""

STATISTICS = {
    "sample sd": lambda x: x.std(axis=0, ddof=1),
    "population sd": lambda x: x.std(axis=0),
    "standard error": lambda x: x.std(axis=0, ddof=1) / math.sqrt(len(x)),
    "mean absolute deviation": lambda x: np.abs(x - x.mean(axis=0)).mean(axis=0),
    "median absolute deviation": lambda x: np.median(np.abs(x - np.median(x, axis=0)), axis=0),
    "range": lambda x: x.max(axis=0) - x.min(axis=0),
    "half range": lambda x: (x.max(axis=0) - x.min(axis=0)) / 2,
}

READINGS = {
    "share of the training images, from half of the defects": lambda c, n: contaminated_counts(
        c.train_good, half(c), n
    )[1],
    "share of the training images, from all defects": lambda c, n: contaminated_counts(
        c.train_good, c.defective, n
    )[1],
    "fraction of half of the defects": lambda c, n: math.ceil(half(c) * exact(n)),
    "fraction of all defects": lambda c, n: math.ceil(c.defective * exact(n)),
}
"""How many defects may be in the training set, at most; n is the noise."""

NAMES = {"Metalnut": "metal_nut"}


def half(category: Category) -> int:
    """Half of the defects, rounded up; KSDD2: its defective training images."""
    return sum(category.train_defects) or -(-category.defective // 2)


def table1() -> dict[str, np.ndarray]:
    """AUROC by row, one value for each noise level."""
    rows = read_rows(HERE / "table1.csv")
    return {row["entity"]: np.array([float(row[n]) for n in NOISES]) for row in rows}


def table2() -> dict[tuple[str, str], tuple[int, int]]:
    """``(category, noise)`` → good and bad images removed."""
    return {
        (NAMES.get(r["entity"], r["entity"].lower()), r["noise"]): (int(r["good"]), int(r["bad"]))
        for r in read_rows(HERE / "table2.csv")
    }


def nearest_statistic(rows: Mapping[str, np.ndarray], wanted: np.ndarray) -> tuple[float, str, int]:
    """The statistic of any two or more rows that comes nearest to a printed row.

    Returns:
        Its largest deviation over the noise levels; what it is; and how many were tried.
    """
    found, tried = (math.inf, ""), 0
    for size in range(2, len(rows) + 1):
        for names in itertools.combinations(rows, size):
            values = np.stack([rows[name] for name in names])
            for label, statistic in STATISTICS.items():
                tried += 1
                off = float(np.abs(statistic(values) - wanted).max())
                found = min(found, (off, f"{label} of {', '.join(names)}"))
    return *found, tried


def more_removed_than_there_are(reading: str) -> list[tuple[str, str, int, int]]:
    """Cells of Table 2 with more bad images removed than there are: name, noise, removed, there."""
    found = []
    for (name, noise), (_, bad) in table2().items():
        there = READINGS[reading](PUBLISHED[name], float(noise))
        if bad > there:
            found.append((name, noise, bad, there))
    return found


def check_table1() -> None:
    rows = table1()
    sd = rows.pop("Standard Deviation")
    models = ("Vanilla", "OSR", "IRP on MVTec-AD", "IRP on KSDD2")
    classes = {name: values for name, values in rows.items() if name not in models}
    mean = np.stack(list(classes.values())).mean(axis=0)
    print("Table 1")
    print(f"  mean of the ten classes          {mean.round(5)}")
    print(f"  printed 'IRP on MVTec-AD'        {rows['IRP on MVTec-AD']}")
    print(f"  … equals it, cut (not rounded) to four digits: {cut_equals(mean, rows[models[2]])}")
    for label in ("sample sd", "population sd"):
        of = {"classes": classes, "model rows": {m: rows[m] for m in models}}
        of["Vanilla, OSR, IRP"] = {m: rows[m] for m in models[:3]}
        of["MVTec-AD against KSDD2"] = {m: rows[m] for m in models[2:]}
        for name, some in of.items():
            print(f"  {label} of {name:23} {STATISTICS[label](np.stack(list(some.values()))).round(4)}")
    print(f"  printed 'Standard Deviation'     {sd}")
    off, what, tried = nearest_statistic(rows, sd)
    print(f"  nearest of {tried} statistics of any of the rows is off by up to {off:.4f}: {what}")
    print(f"  … so the printed row is one of them: {off <= ROUNDING}")
    fall = {name: float(v[0] - v[-1]) for name, v in classes.items()}
    print("  fall of AUROC from 0 to 50 %:", {k: round(fall[k], 4) for k in sorted(fall, key=fall.get)})
    rises = sum(int((np.diff(v) > 0).sum()) for v in classes.values())
    print(f"  steps to more noise at which a class's AUROC rises: {rises} of {5 * len(classes)}")
    ordered = (rows["Vanilla"] < rows["OSR"]) & (rows["OSR"] < rows["IRP on MVTec-AD"])
    print(f"  Vanilla < OSR < IRP on MVTec-AD at every level: {bool(ordered.all())}")


def cut_equals(values: np.ndarray, printed: np.ndarray) -> bool:
    """Whether values, cut to four digits, are those printed."""
    return bool(np.array_equal(np.floor(values * 1e4 + 1e-6), np.round(printed * 1e4)))


def check_table2() -> None:
    cells = table2()
    print("Table 2")
    for reading in READINGS:
        found = more_removed_than_there_are(reading)
        print(f"  more bad removed than injected, noise = {reading}: {len(found)} of {len(cells)} cells")
        for name, noise, bad, there in found:
            print(f"    {name} at {noise}: {bad} removed, at most {there} there")
    sums = [good + bad for good, bad in cells.values()]
    print(f"  images removed in a cell: {min(sums)} to {max(sums)}, so as many rounds by Algorithm 1")
    for name in dict.fromkeys(name for name, _ in cells):
        bad = [cells[name, noise][1] for noise in NOISES]
        print(f"  bad removed, {name:9} {bad}{'' if bad == sorted(bad) else '   falls'}")
    print("  share of defects among the training images at 50 %, before and after the removals:")
    for name in dict.fromkeys(name for name, _ in cells):
        category = PUBLISHED[name]
        normals, injected = contaminated_counts(category.train_good, half(category), 0.5)
        good, bad = cells[name, "0.5"]
        after = (injected - bad) / (normals + injected - good - bad)
        print(f"    {name:9} {injected / (normals + injected):.3f} → {after:.3f}, {bad} of {injected}")


def check_datasets() -> None:
    ten = [c for name, c in PUBLISHED.items() if name != "ksdd2"]
    good, bad = sum(c.train_good + c.test_good for c in ten), sum(c.defective for c in ten)
    print("Section 4.1, MVTec-AD: train 889 normal + 1345 defective, test 1210 normal + 724 defective")
    print(f"  defective: {1345 + 724} in the paper; {bad} in the ten classes, 1258 in all fifteen")
    print(f"  normal: {889 + 1210} in the paper; {good} in the ten classes, 4096 in all fifteen")
    print(f"  defective share of that training set: {1345 / (1345 + 889):.3f}, its noise at most 0.5")
    print("  highest noise with all normal images kept, from half of the defects · from all:")
    for name, c in PUBLISHED.items():
        shares = (n / (n + c.train_good) for n in (half(c), c.defective))
        print(f"    {name:9} {' · '.join(f'{share:.3f}' for share in shares)}")


def main() -> None:
    np.set_printoptions(suppress=True, linewidth=120)
    check_table1()
    check_table2()
    check_datasets()


if __name__ == "__main__":
    main()
