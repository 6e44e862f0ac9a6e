"""What removal finds, without any detector: how well training images are ranked, and what goes.

python experiments/robustness/removals.py --root ROOT [key=value ...]

ROOT holds categories in the MVTec-AD layout. For each category, noise and seed: the AUROC of the first
scores against what was injected, and what the whole method removes. ``--settings tuning`` compares
settings, on the tuning categories and seeds alone; ``robust`` measures the default anywhere, ``before``
the default before it looked at parts, ``views`` its rotated views, ``published`` other people's scorings
and a rule (``published.py``). On tuning categories and seeds: ``backbones`` compares networks
(``ALEXNET=FILE`` in the environment: its weights), ``thresholds`` pythresh's rules (``thresholds.py``;
to be installed).
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
from common.inputs import experiment
from common.tables import read_rows, write_rows

from irp_lightning.config.experiment import Experiment
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.pipeline.inputs import prepare
from irp_lightning.pipeline.removal import remove
from irp_lightning.refinement.two_groups import describe_groups
from irp_lightning.runs.stopwatch import Stopwatch

HERE = Path(__file__).parent
CATEGORIES = ("bottle", "pill", "screw", "capsule", "magnetic_tile")
TUNING = ("pill", "capsule", "magnetic_tile")
NOISES = (0.0, 0.05, 0.1, 0.2, 0.4)

BEFORE = [
    *("patches.part=whole", "refine.scoring.by_place=false"),
    *("refine/rule=false_discovery", "refine.max_rounds=3"),
]
"""What ``robust`` was before it looked at parts."""

SETTINGS = {
    "robust": {"robust": []},
    "before": {"before": BEFORE},
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
        # A detector of the same patches: nothing else is extracted.
        *("+experiment=mvtec_noise", "refine=robust", "backbone=efficientnet_lite0", "model=patch_nn"),
        *("trainer.accelerator=cpu", f"data.root={root}", f"data.category={category}"),
        *by_tile,
        *setting,
    ]


def measure(e: Experiment) -> dict[str, Any]:
    """One removal."""
    inputs = prepare(e, Stopwatch(), report=lambda line: None)
    labels = torch.tensor([i in inputs.pool.injected for i in inputs.pool.train])
    began = time.perf_counter()
    removal = remove(inputs, e.refine, Fitting.of(inputs, e))
    seconds = round(time.perf_counter() - began, 1)
    gone, scores = ~removal.active, removal.cleaning.rounds[0].scores
    groups = describe_groups(scores)
    return {
        "part": inputs.parts.get("removal", inputs.parts["detector"]).kind,
        "images": len(labels),
        "injected": int(labels.sum()),
        "detection_auroc": auroc(scores, labels.int()),
        "removed_bad": int((gone & labels).sum()),
        "removed_good": int((gone & ~labels).sum()),
        "rounds": len(removal.cleaning.rounds),
        "clean_probability": round(groups.clean_probability, 4),
        "share": round(groups.share, 4),
        "seconds": seconds,
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
        for noise, seed in todo:
            pool = [f"noise={noise}", f"seed={seed}"]
            found = measure(experiment(*overrides_of(category, root, setting), *pool, *chosen.overrides))
            row = {"setting": name, "category": category, "noise": noise, "seed": seed, **found}
            rows.append(row)
            write_rows(file, rows)
            print(row, flush=True)


if __name__ == "__main__":
    main()
