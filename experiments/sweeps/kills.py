"""A sweep that is killed at random moments, and resumed each time, against one that is left alone.

    kills.py --root MVTEC_ROOT --weights squeezenet1_1.pth --out DIR [--kills 3] [--seed 0]

The 24 cells of ``run.py``. The killed sweep gets SIGKILL, its whole process group, at moments drawn
from the seed; the same command is then given again. A cell that was complete must not be computed
again, and the figures must be those of the sweep that was left alone.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.sweeps import command
from equal import cells, differences
from run import overrides

from irp_lightning.runs.folder import METRICS


def stamps(sweep: Path) -> dict[str, int]:
    """When each complete cell was finished, in nanoseconds."""
    return {name: (sweep / name / METRICS).stat().st_mtime_ns for name in cells(sweep)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    whole, killed = chosen.out.resolve() / "whole", chosen.out.resolve() / "killed"
    sweep = {
        folder: command(overrides(chosen.root, chosen.weights, folder)) for folder in (whole, killed)
    }

    begun = time.monotonic()
    subprocess.run(sweep[whole], check=True)
    span = time.monotonic() - begun

    moments = random.Random(chosen.seed)
    again = 0
    for i in range(chosen.kills):
        wait = moments.uniform(0.1, 1) * span / (chosen.kills + 1)
        before = stamps(killed)
        process = subprocess.Popen(sweep[killed], start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        after = stamps(killed)
        again += sum(after.get(name) != stamp for name, stamp in before.items())
        half = [f.parent.name for f in killed.glob("*/config.yaml") if f.parent.name not in after]
        print(
            f"kill {i + 1} after {wait:.0f} s: {len(after)} cells complete, half-done: {half or 'none'}"
        )
    before = stamps(killed)
    subprocess.run(sweep[killed], check=True)
    after = stamps(killed)
    again += sum(after.get(name) != stamp for name, stamp in before.items())

    found = differences(whole, killed)
    print(*found, sep="\n", end="\n" if found else "")
    print(
        f"{len(after)} cells, {chosen.kills} kills: {again} complete cells computed again, "
        f"{len(found)} cells differ from the sweep that was left alone ({span:.0f} s)"
    )
    sys.exit(bool(found) or again > 0)


if __name__ == "__main__":
    main()
