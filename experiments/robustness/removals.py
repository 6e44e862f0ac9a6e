"""What removal finds, without any detector: how well training images are ranked, and what goes.

python experiments/robustness/removals.py --root ROOT [key=value ...]

ROOT holds categories in the MVTec-AD layout. For each category, noise and seed: the AUROC of the first
scores against what was injected, and what the whole method removes. ``--settings tuning`` compares
settings, on the tuning categories and seeds alone; ``robust`` measures the default anywhere, ``views``
its rotated views, ``published`` other people's scorings and a rule (``published.py``). On tuning
categories and seeds: ``backbones`` what it looks through (``ALEXNET=FILE`` in the environment: its
weights), ``thresholds`` pythresh's rules (``thresholds.py``; to be installed).
A row that is in the file already is not computed again.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common.inputs import Inputs, experiment
from common.tables import read_rows, write_rows

from irp_lightning.data.groups import fold_groups
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.features.image_features import ImageFeatures
from irp_lightning.refinement.build import build_pruning, build_scorer
from irp_lightning.refinement.clean import Cleaning, clean
from irp_lightning.refinement.copies import number_copies
from irp_lightning.refinement.scoring import TrainingImages

HERE = Path(__file__).parent
CATEGORIES = ("bottle", "pill", "screw", "capsule", "magnetic_tile")
TUNING = ("pill", "capsule", "magnetic_tile")
NOISES = (0.0, 0.05, 0.1, 0.2, 0.4)

SETTINGS = {
    "robust": {"robust": []},
    "tuning": {
        "robust": [],
        "mutual, m = n": ["refine/scoring=mutual"],
        "mutual, m = 0.3 n": ["refine/scoring=mutual", "refine.scoring.bank_share=0.3"],
        "gaussian": ["refine/scoring=gaussian"],
        "robust, m = 0.3 n": ["refine.scoring.bank_share=0.3"],
        "robust, grid 5": ["refine.scoring.grid=5"],
        "robust, grid 20": ["refine.scoring.grid=20"],
        "robust, lower_mad 3": ["refine/rule=lower_mad", "refine.rule.k=3"],
        "robust, lower_mad 2.5": ["refine/rule=lower_mad", "refine.rule.k=2.5"],
        "robust, lower_mad 2": ["refine/rule=lower_mad", "refine.rule.k=2"],
        "robust, false_discovery 0.05": ["refine.rule.k=0.05"],
        "robust, false_discovery 0.2": ["refine.rule.k=0.2"],
        "robust, otsu": ["refine/rule=otsu"],
        "robust, one round": ["refine.max_rounds=1"],
    },
    "published": {
        name: [
            *("refine/scoring=custom", f"refine.scoring._target_=published.{name}"),
            *("+backbone@refine.scoring.backbone=efficientnet_lite0", "refine.max_rounds=1"),
        ]
        for name in ("Nearest", "MuSc", "MeDS", "Lof")
    }
    | {"robust, mixture": ["refine/rule=custom", "refine.rule._target_=published.mixture"]},
    "thresholds": {
        f"robust, pythresh {name}": [
            *("refine/rule=custom", f"refine.rule._target_=thresholds.{name}", "refine.max_rounds=1"),
        ]
        for name in ("filtered", "iqr", "karch", "mad", "mtt", "yj")
    },
    "backbones": {
        "EfficientNet-Lite0": [],
        "AlexNet, last maps": [
            "backbone@refine.scoring.backbone=alexnet",
            "refine.scoring.backbone.weights=${oc.env:ALEXNET}",
        ],
    },
    "views": {f"{n} views": [f"refine.scoring.views={n}"] for n in (1, 4, 8)},
}


def overrides_of(category: str, root: Path, setting: list[str]) -> list[str]:
    """Of the configuration; tiles are split by the tile that they show."""
    by_tile = (
        ["data.split=grouped", f"data.groups={root / category / 'groups.csv'}"]
        if category == "magnetic_tile"
        else []
    )
    return [
        *("+experiment=mvtec_noise", "refine=robust", "backbone=efficientnet_lite0"),
        *("trainer.accelerator=cpu", f"data.root={root}", f"data.category={category}"),
        *by_tile,
        *setting,
    ]


def measure(inputs: Inputs, patches: ImageFeatures, noise: float, seed: int) -> dict[str, Any]:
    """One removal."""
    e = inputs.e
    pool = inputs.pool(e.data.split, noise, seed)
    read = inputs.images
    known, hashes = pool.of(read.groups), pool.of(read.hashes)
    groups = torch.tensor(
        fold_groups(pool.of(read.samples), known, hashes, e.data.groups, read.bit_depth)
    )
    labels = torch.tensor([i in pool.injected for i in pool.train])
    began = time.perf_counter()
    images = TrainingImages(
        features=patches, positions=torch.tensor(pool.train), groups=groups, seed=seed
    )
    assert e.refine.scoring is not None
    scorer = build_scorer(e.refine.scoring, images)
    begun = Cleaning(torch.ones(len(labels)).bool())
    done = clean(scorer, build_pruning(e.refine), begun, copies=number_copies(hashes))
    gone = ~done.active
    return {
        "images": len(labels),
        "injected": int(labels.sum()),
        "detection_auroc": auroc(done.rounds[0].scores, labels.int()),
        "removed_bad": int((gone & labels).sum()),
        "removed_good": int((gone & ~labels).sum()),
        "rounds": len(done.rounds),
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--settings", choices=SETTINGS, default="robust")
    parser.add_argument("--category", nargs="+")
    parser.add_argument("--noise", nargs="+", type=float, default=NOISES)
    parser.add_argument("--seed", nargs="+", type=int)
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_intermixed_args()
    tuning = chosen.settings in ("tuning", "backbones", "thresholds")
    categories = chosen.category or (TUNING if tuning else CATEGORIES)
    seeds = chosen.seed or ((100, 101, 102) if tuning else (0, 1, 2))
    file = HERE / f"removals_{chosen.settings}.csv"
    rows: list[dict[str, Any]] = list(read_rows(file)) if file.exists() else []
    known = {(r["setting"], r["category"], str(r["noise"]), str(r["seed"])) for r in rows}
    for category, (name, setting) in itertools.product(categories, SETTINGS[chosen.settings].items()):
        todo = [
            (noise, seed)
            for noise, seed in itertools.product(chosen.noise, seeds)
            if (name, category, str(noise), str(seed)) not in known
        ]
        if not todo:
            continue
        root = chosen.root.resolve()
        inputs = Inputs(experiment(*overrides_of(category, root, setting), *chosen.overrides))
        patches = inputs.patches()
        for noise, seed in todo:
            found = measure(inputs, patches, noise, seed)
            row = {"setting": name, "category": category, "noise": noise, "seed": seed, **found}
            rows.append(row)
            write_rows(file, rows)
            print(row, flush=True)


if __name__ == "__main__":
    main()
