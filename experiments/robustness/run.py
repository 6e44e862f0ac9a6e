"""The robustness study: sweeps of ordinary runs, and a row for each.

python experiments/robustness/run.py --root ROOT --alexnet alexnet_features.pth [key=value ...]

ROOT holds categories in the MVTec-AD layout, ``magnetic_tile`` with its ``groups.csv``. Cells that are
complete are skipped, so the command goes on where it was stopped; ``results.csv`` holds every complete
cell. ``--category`` and ``--model`` run a part, ``--dry-run`` prints the commands. Further overrides go
to every run, as ``hydra/launcher=ray_gpu``. Then ``report.py`` makes tables.
"""

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps
from common.tables import write_rows

from irp_lightning.runs.record import Record

HERE = Path(__file__).parent
CATEGORIES = ("bottle", "pill", "screw", "capsule", "magnetic_tile")
PATCHES = ["backbone=efficientnet_lite0", "localise=null"]
MODELS = {
    "differnet_small": ["model=differnet_small", "epochs=60", "batch_size=32"],
    "gaussian": ["model=gaussian", "batch_size=32"],
    "patch_nn": ["model=patch_nn", *PATCHES],
    "patch_gaussian": ["model=patch_gaussian", *PATCHES],
}
GRID = ["noise=0,0.05,0.1,0.2,0.4", "refine=none,osr,irp,irp_all,robust,oracle", "seed=0,1,2"]

FIGURES = (
    *("image_auroc", "pixel_auroc", "aupro", "noise_achieved", "train_images", "removed_good"),
    *("removed_bad", "removal_precision", "removal_recall", "detection_auroc", "rounds", "converged"),
)


def overrides_of(category: str, model: str, root: Path, alexnet: Path, out: Path) -> list[str]:
    """One sweep; what a later key=value sets again wins."""
    where = [f"data.root={root.resolve()}", f"data.category={category}", "logger=csv"]
    if category == "magnetic_tile":
        where += ["data.split=grouped", f"data.groups={root.resolve() / category / 'groups.csv'}"]
    if model in ("differnet_small", "gaussian"):
        where.append(f"backbone.weights={alexnet.resolve()}")
    folder = out.resolve() / f"{model}-{category}"
    return ["+experiment=mvtec_noise", *MODELS[model], *where, *GRID, f"hydra.sweep.dir={folder}"]


def row(record: Record) -> dict[str, Any]:
    """What ``results.csv`` says of a run."""
    metrics = record.metrics
    return {
        **{key: metrics[key] for key in ("category", "model", "method")},
        "noise": metrics["noise_requested"],
        "seed": metrics["seed"],
        **{name: metrics.get(name) for name in FIGURES},
        "seconds_fit": metrics["seconds"]["fit"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="holds the categories")
    parser.add_argument("--alexnet", type=Path, required=True, help="torchvision's weights of AlexNet")
    parser.add_argument("--out", type=Path, default=Path("outputs/robustness"))
    parser.add_argument("--category", nargs="+", choices=CATEGORIES, default=list(CATEGORIES))
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_intermixed_args()
    todo = [
        [*overrides_of(category, model, chosen.root, chosen.alexnet, chosen.out), *chosen.overrides]
        for model, category in itertools.product(chosen.model, chosen.category)
    ]
    failed = sweeps.run(todo, chosen.dry_run)
    if not chosen.dry_run:
        rows = [row(record) for record in sweeps.records(chosen.out)]
        if rows:
            write_rows(HERE / "results.csv", rows)
        print(f"results.csv: {len(rows)} complete cells")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
