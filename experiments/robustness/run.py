"""The robustness study: sweeps of ordinary runs on magnetic tiles, and a row for each.

python experiments/robustness/run.py --root ROOT --weights squeezenet1_1.pth [key=value ...]

ROOT holds ``magnetic_tile`` in the MVTec-AD layout, with its ``groups.csv``. Cells that are complete
are skipped, so the command goes on where it was stopped; ``results.csv`` holds every complete cell.
``--grid`` runs a part, ``--dry-run`` prints the commands. Further overrides go to every run, as
``hydra/launcher=ray_cpu``. Then ``report.py`` makes tables and figures.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps
from common.tables import write_rows

from irp_lightning.refinement.config import effective
from irp_lightning.runs.record import Record

HERE = Path(__file__).parent
MODELS = ("gaussian", "knn", "differnet_small")

SIZE = [  # what two CPU cores can afford
    *("+experiment=mtd_noise", "data.image_size=224", "batch_size=32", "views.n_transforms=2"),
    *("epochs=8", "trainer.accelerator=cpu"),
]
ROUNDS = ["max_rounds=6", "round_epochs=1"]  # of the methods in sample
MODEL = {
    "gaussian": ["model=gaussian"],
    "knn": ["model=knn"],
    "differnet_small": ["model=differnet_small", "model.lr=1e-3"],  # so that eight epochs are enough
}
SEEDS, TUNING_SEEDS = "seed=0,1,2", "seed=100,101"

TRIED = [  # what else was tried for robust, whose own are local, lower_mad and 3
    ["refine.scoring=local,cross_fit", "refine.rule=mad", "refine.k=3"],
    ["refine.scoring=local,cross_fit", "refine.rule=iqr", "refine.k=1.5"],
    ["refine.scoring=local,cross_fit", "refine.rule=otsu"],
    ["refine.scoring=cross_fit", "refine.rule=lower_mad", "refine.k=3"],
    ["refine.scoring=local", "refine.rule=lambda_median", "refine.k=1.5"],
]

FIGURES = (
    *("image_auroc", "image_ap", "noise_achieved", "removed_good", "removed_bad"),
    *("removal_precision", "removal_recall", "detection_auroc", "rounds", "converged"),
    "train_images",
)


def main_grid() -> Iterator[list[str]]:
    """Every method at every noise."""
    noises, methods = "noise=0,0.05,0.1,0.2,0.3,0.5", "refine=none,osr,irp,irp_all,robust,oracle"
    for model in MODELS:
        yield [*MODEL[model], SEEDS, noises, methods, *ROUNDS]


def lam_grid() -> Iterator[list[str]]:
    """How much the threshold's parameter matters."""
    for model in MODELS:
        yield [*MODEL[model], SEEDS, "noise=0.2", "refine=irp_all", "refine.k=1.2,2", *ROUNDS]
        yield [*MODEL[model], SEEDS, "noise=0.2", "refine=robust", "refine.k=2.5,3.5"]


def groups_grid() -> Iterator[list[str]]:
    """Splits and folds at random, as if nobody knew of the exposures."""
    alone = ["data.split=published", "data.groups=none"]
    for model in MODELS:
        yield [*MODEL[model], SEEDS, "noise=0.2", "refine=none,robust,oracle", *alone]


def scorings_grid() -> Iterator[list[str]]:
    """What else was tried, on the tuning seeds."""
    same = [*MODEL["gaussian"], TUNING_SEEDS, "noise=0,0.2"]
    yield [*same, "refine=none,oracle,robust"]
    for settings in TRIED:
        yield [*same, "refine=robust", *settings]


GRIDS = {"main": main_grid, "lam": lam_grid, "groups": groups_grid, "scorings": scorings_grid}


def commands(grid: str, root: Path, weights: Path, out: Path) -> list[list[str]]:
    """The overrides of a grid's sweeps; all their cells lie in one folder."""
    where = [f"data.root={root.resolve()}", f"backbone.weights={weights.resolve()}"]
    return [
        [*SIZE, *cells, *where, f"hydra.sweep.dir={out.resolve() / grid}"] for cells in GRIDS[grid]()
    ]


def row(grid: str, record: Record) -> dict[str, Any]:
    """What ``results.csv`` says of a run."""
    config, metrics = record.config, record.metrics
    groups = config["data"]["groups"]
    settings = effective(config["refine"])
    return {
        "grid": grid,
        "model": metrics["model"],
        "method": metrics["method"],
        "noise": metrics["noise_requested"],
        "seed": metrics["seed"],
        "split": config["data"]["split"],
        "groups": groups if groups in ("none", "auto") else "file",
        **{name: settings.get(name) for name in ("k", "scoring", "rule")},
        **{name: metrics.get(name) for name in FIGURES},
        "seconds_fit": metrics["seconds"]["fit"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="holds magnetic_tile")
    parser.add_argument("--weights", type=Path, required=True, help="of squeezenet1_1")
    parser.add_argument("--out", type=Path, default=Path("outputs/robustness"))
    parser.add_argument("--grid", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_intermixed_args()
    todo = [
        [*overrides, *chosen.overrides]
        for grid in chosen.grid
        for overrides in commands(grid, chosen.root, chosen.weights, chosen.out)
    ]
    failed = sweeps.run(todo, chosen.dry_run)
    if not chosen.dry_run:
        rows = [row(grid, record) for grid in GRIDS for record in sweeps.records(chosen.out / grid)]
        if rows:
            write_rows(HERE / "results.csv", rows)
        print(f"results.csv: {len(rows)} complete cells")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
