"""``irp-lightning compare`` over 1,000 synthetic run folders: seconds and peak memory.

The folders are made up: figures from a random number generator in the shape that a sweep leaves behind
(ten classes, two detectors, five methods, five noise levels, two seeds), without photographs.

python experiments/benchmarks/compare.py
"""

import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from irp_lightning.config.compose import CONF
from irp_lightning.sweeps.cells import cell_name

CLASSES = (
    *("bottle", "cable", "capsule", "carpet", "leather"),
    *("metal_nut", "pill", "screw", "tile", "zipper"),
)
MODELS = ("differnet_small", "gaussian")
METHODS = ("none", "osr", "irp", "robust", "oracle")
NOISE = (0.0, 0.1, 0.2, 0.3, 0.5)
SEEDS = (0, 1)
IMAGES = 200


def write_runs(folder: Path) -> int:
    """Write the synthetic run folders; returns how many."""
    rng = random.Random(0)
    count = 0
    for model, method in itertools.product(MODELS, METHODS):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            same = [f"model={model}", f"refine={method}", "logger=csv"]
            cfg = compose(
                "config", ["+experiment=mtd_noise", *same, "data.root=data", "data.groups=none"]
            )
        for category, noise, seed in itertools.product(CLASSES, NOISE, SEEDS):
            varied = [f"data.category={category}", f"noise={noise}", f"seed={seed}"]
            cfg.merge_with_dotlist(varied)
            cell = folder / cell_name([*same, *varied])
            write_run(cell, cfg, rng)
            count += 1
    return count


def write_run(cell: Path, cfg: DictConfig, rng: random.Random) -> None:
    """Write one of them."""
    method, noise = cfg.refine.name, float(cfg.noise)
    bad = round(noise * IMAGES)
    removed_bad = {"none": 0, "oracle": bad}.get(method, rng.randint(0, bad))
    removed_good = 0 if method in ("none", "oracle") else rng.randint(0, 10)
    metrics: dict[str, Any] = {
        "status": "complete",
        "image_auroc": 0.9 - 0.4 * noise * (method != "oracle") + rng.gauss(0, 0.02),
        "noise_requested": noise,
        "noise_achieved": noise,
        "train_images": IMAGES,
        "removed_good": removed_good,
        "removed_bad": removed_bad,
        "rounds": 1,
        "seconds": {"fit": 1.0},
    }
    cell.mkdir(parents=True)
    (cell / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    (cell / "metrics.json").write_text(json.dumps(metrics))
    names = [(f"test/crack/{i}.png", 1, "crack") for i in range(removed_bad)]
    names += [(f"train/good/{i}.png", 0, "good") for i in range(removed_good)]
    lines = [f"{name},{label},{defect},0,{rng.random()},0.5" for name, label, defect in names]
    (cell / "removed.csv").write_text("\n".join(["path,label,defect,round,score,threshold", *lines]))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder) / "sweep"
        count = write_runs(sweep)
        print(f"{count} synthetic run folders written")
        began = time.perf_counter()
        command = [sys.executable, "-m", "irp_lightning", "compare", str(sweep)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        row = {
            "synthetic run folders": count,
            "seconds": round(seconds, 2),
            "CPU seconds": round(used.ru_utime + used.ru_stime, 2),
            "peak MiB": round(used.ru_maxrss / 1024, 1),
            "page KiB": round((sweep / "comparison" / "index.html").stat().st_size / 1024),
        }
    # Not before: it imports torch, and a child's peak memory begins with its parent's.
    from paired import report

    report("irp-lightning compare", [row], "compare")


if __name__ == "__main__":
    main()
