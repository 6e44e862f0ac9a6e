"""A 12-cell sweep (noise × method) on generated images: what each cell spends on features.

python experiments/benchmarks/sweep.py [key=value ...]
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps
from paired import report

GRID = ["+experiment=demo", "noise=0,0.1,0.2,0.3", "refine=none,irp,oracle"]


def rows(folder: Path) -> list[dict[str, Any]]:
    """What the cells of a sweep spent their time on, in the order in which they ran."""
    found = sorted(sweeps.records(folder), key=lambda r: (r.folder / "metrics.json").stat().st_mtime_ns)
    return [
        {
            "cell": number,
            "noise": record.metrics["noise_requested"],
            "method": record.metrics["method"],
            **{f"{phase} s": value for phase, value in record.metrics["seconds"].items()},
            # Reading includes the digest of every image file, which finds the bank's entries.
            "features share": _share(record.metrics["seconds"]),
        }
        for number, record in enumerate(found)
    ]


def _share(seconds: dict[str, float]) -> float:
    return (seconds["features"] + seconds["read"]) / sum(seconds.values())


def main(overrides: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            sweeps.command([*GRID, f"hydra.sweep.dir={folder}/sweep", *overrides]),
            check=True,
            env={**os.environ, "IRP_CACHE": f"{folder}/cache"},
            stdout=subprocess.DEVNULL,
        )
        report("twelve cells, one bank", rows(Path(folder) / "sweep"), "sweep")


if __name__ == "__main__":
    main(sys.argv[1:])
