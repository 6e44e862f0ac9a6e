"""A 12-cell sweep (noise × method) on generated images: what each cell spends on features.

python experiments/benchmarks/sweep.py
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from paired import report

HERE = Path(__file__).parent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "irp_lightning.run", "-m", "+experiment=demo"),
                "noise=0,0.1,0.2,0.3",
                "refine=none,irp,oracle",
                f"hydra.sweep.dir={folder}/sweep",
            ],
            check=True,
            env={**os.environ, "IRP_CACHE": f"{folder}/cache"},
            stdout=subprocess.DEVNULL,
        )
        rows = []
        for cell in range(12):
            file = Path(folder) / "sweep" / str(cell) / "metrics.json"
            metrics = json.loads(file.read_text(encoding="utf-8"))
            seconds = metrics["seconds"]
            rows.append(
                {
                    "cell": cell,
                    "noise": metrics["noise_requested"],
                    "method": metrics["method"],
                    **{f"{phase} s": value for phase, value in seconds.items()},
                    # Reading includes the digest of every image file, which finds the bank's entries.
                    "features share": (seconds["features"] + seconds["read"]) / sum(seconds.values()),
                }
            )
    report("twelve cells, one bank", rows, HERE / "results" / "sweep.csv")


if __name__ == "__main__":
    main()
