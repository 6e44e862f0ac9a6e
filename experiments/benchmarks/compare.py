"""``python -m irp_lightning.compare`` over 1,000 synthetic run folders: seconds and peak memory.

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

from omegaconf import OmegaConf

HERE = Path(__file__).parent
CONF = HERE.parent.parent / "conf"
CLASSES = (
    "bottle",
    "cable",
    "capsule",
    "carpet",
    "leather",
    "metal_nut",
    "pill",
    "screw",
    "tile",
    "zipper",
)
MODELS = ("differnet_small", "gaussian")
METHODS = ("none", "osr", "irp", "robust", "oracle")
NOISE = (0.0, 0.1, 0.2, 0.3, 0.5)
SEEDS = (0, 1)
IMAGES = 200


def write_runs(folder: Path) -> int:
    """Write the synthetic run folders; returns how many."""
    base = OmegaConf.load(CONF / "config.yaml")
    base.sweep.command = "synthetic"  # Hydra would put the time here
    for group in ("data/mvtec", "contamination/share", "backbone/squeezenet1_1", "trainer/default"):
        base[group.partition("/")[0]] = OmegaConf.load(CONF / f"{group}.yaml")
    models = {name: _model(name) for name in MODELS}
    refine = {name: _refine(name) for name in METHODS}
    for key in ("defaults", "hydra"):
        base.pop(key)
    base.cache_dir = "cache"
    rng = random.Random(0)
    cells = list(itertools.product(CLASSES, MODELS, METHODS, NOISE, SEEDS))
    for category, model, method, noise, seed in cells:
        cell = (
            folder / f"data.category={category},model={model},noise={noise},refine={method},seed={seed}"
        )
        cell.mkdir(parents=True)
        base.merge_with({"noise": noise, "seed": seed, "data": {"category": category}})
        base.model, base.refine = models[model], refine[method]
        (cell / "config.yaml").write_text(OmegaConf.to_yaml(base, resolve=True))
        bad = round(noise * IMAGES)
        removed_bad = {"none": 0, "oracle": bad}.get(method, rng.randint(0, bad))
        removed_good = 0 if method in ("none", "oracle") else rng.randint(0, 10)
        metrics = {
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
        (cell / "metrics.json").write_text(json.dumps(metrics))
        names = [(f"test/crack/{i}.png", 1, "crack") for i in range(removed_bad)]
        names += [(f"train/good/{i}.png", 0, "good") for i in range(removed_good)]
        lines = [f"{name},{label},{defect},0,{rng.random()},0.5" for name, label, defect in names]
        (cell / "removed.csv").write_text("\n".join(["path,label,defect,round,score,threshold", *lines]))
    return len(cells)


def _model(name: str) -> object:
    own = OmegaConf.load(CONF / "model" / f"{name}.yaml")
    if name == "differnet_small":
        own = OmegaConf.merge(OmegaConf.load(CONF / "model" / "differnet.yaml"), own)
    own.pop("defaults", None)
    return own


def _refine(name: str) -> object:
    own = OmegaConf.load(CONF / "refine" / f"{name}.yaml")
    if own.pop("defaults", None):
        own = OmegaConf.merge(OmegaConf.load(CONF / "refine" / "irp.yaml"), own)
    return own


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder) / "sweep"
        count = write_runs(sweep)
        print(f"{count} synthetic run folders written")
        began = time.perf_counter()
        command = [sys.executable, "-m", "irp_lightning.compare", str(sweep)]
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

    report("python -m irp_lightning.compare", [row], HERE / "results" / "compare.csv")


if __name__ == "__main__":
    main()
