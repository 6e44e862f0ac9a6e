"""Step, epoch and run of this checkout against an older one's, in turns, each in processes of its own.

git worktree add ../before COMMIT
python experiments/benchmarks/versions.py --before ../before [--threads 2] [--bf16] [--run fabric]

A step is that of a bare loop, an epoch what the product's loop takes for it, its batches included; a run
is the demo's vanilla cell as a whole command, on features that are there already.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

HERE = Path(__file__).parents[2]
IMAGES = {"differnet_small": 288, "differnet": 96}
"""Images of an epoch."""


def once(checkout: Path, arguments: list[str], threads: int) -> str:
    """What a command prints that runs on a checkout's package."""
    given = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": str(threads)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**os.environ, **given},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def epochs(preset: str, batch: int, count: int, precision: str) -> None:
    """Print seconds of epochs, bare and as the product trains; called in a process of its own."""
    sys.path.insert(0, str(Path("experiments/benchmarks").absolute()))  # of the checkout that is timed

    import torch
    from training import PRESETS, bare_epochs, lightning_epochs
    from training import preset as of

    from irp_lightning.detectors.build import build_detector

    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    dim, _ = PRESETS[preset]
    chosen = {} if precision == "fp32" else {"precision": precision}  # an older checkout knows no other
    e = of(preset, batch, **chosen)
    features = torch.randn(IMAGES[preset], 8, dim, generator=torch.Generator().manual_seed(0))
    module = build_detector(e.model, dim, seed=0)
    loops = {"step": bare_epochs, "epoch": lightning_epochs}
    print(json.dumps({name: loop(features, module, e, count + 1)[1:] for name, loop in loops.items()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--preset", choices=IMAGES, nargs="*", default=list(IMAGES))
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bf16", action="store_true", help="time this checkout in bf16, too")
    parser.add_argument("--run", metavar="CATEGORY", help="time a whole run, too: of generated images")
    parser.add_argument("--inner", metavar="PRECISION", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inner:
        epochs(chosen.preset[0], chosen.batch, chosen.epochs, chosen.inner)
        return
    if chosen.before is None:
        parser.error("--before CHECKOUT is missing")
    # Anything else would time the package that is installed, under a wrong name.
    if not all((chosen.before / part).is_dir() for part in ("irp_lightning", "experiments/benchmarks")):
        parser.error(f"--before {chosen.before} is no checkout of this project; git worktree makes one")
    if not chosen.preset and not chosen.run:
        parser.error("there is nothing to time; name a --preset or a --run")
    versions = {"before": (chosen.before.absolute(), "fp32"), "after": (HERE, "fp32")}
    if chosen.bf16:
        versions["bf16"] = (HERE, "bf16")
    rows = []

    def compare(
        what: str, preset: str, batch: int, seconds: dict[str, list[float]], parts: int = 1
    ) -> None:
        before, *after = (statistics.median(found) / parts for found in seconds.values())
        for version, found in zip(list(seconds)[1:], after, strict=True):
            row = {"preset": preset, "batch": batch, "threads": chosen.threads, "part": what}
            times = {"before s": before, "after s": found, "after / before": found / before}
            rows.append({**row, "precision": "bf16" if version == "bf16" else "fp32", **times})

    for preset in chosen.preset:
        inner = [str(Path(__file__)), "--preset", preset, f"--batch={chosen.batch}"]
        steps, whole = ({version: [] for version in versions} for _ in range(2))
        for _ in range(chosen.repeats):
            for version, (checkout, precision) in versions.items():
                asked = [*inner, f"--epochs={chosen.epochs}", f"--inner={precision}"]
                out = once(checkout, asked, chosen.threads)
                found = json.loads(out.splitlines()[-1])
                steps[version] += found["step"]
                whole[version] += found["epoch"]
        compare("step", preset, chosen.batch, steps, -(-IMAGES[preset] // chosen.batch))
        compare("epoch", preset, chosen.batch, whole)
    if chosen.run:
        seconds: dict[str, list[float]] = {version: [] for version in versions}
        with tempfile.TemporaryDirectory() as made:
            for turn in range(chosen.repeats + 1):
                for version, (checkout, precision) in versions.items():
                    began = time.perf_counter()
                    demo = ["-m", "irp_lightning.run", "+experiment=demo", f"data.category={chosen.run}"]
                    demo += ["model.precision=bf16"] if precision == "bf16" else []
                    folder = [f"cache_dir={made}/cache", f"hydra.run.dir={made}/{version}{turn}"]
                    once(checkout, [*demo, "refine=none", *folder], chosen.threads)
                    if turn:  # the first makes images and features
                        seconds[version].append(time.perf_counter() - began)
        compare("run", "differnet_small (demo)", 32, seconds)
    from paired import report

    report("before and after", rows, "versions")


if __name__ == "__main__":
    main()
