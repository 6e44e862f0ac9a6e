"""The robustness study: every cell is an ordinary run, with an ordinary run folder.

python experiments/robustness/run.py --root ROOT --weights squeezenet1_1.pth

ROOT holds ``magnetic_tile`` in the MVTec-AD layout, with its ``groups.csv``. Cells that are complete
are skipped, so the command goes on where it was stopped; ``results.csv`` holds every complete cell.
``--grid`` runs a part: main, lam, groups, scorings. Then ``report.py`` makes tables and figures.
"""

import argparse
import contextlib
import csv
import io
import itertools
import json
import logging
import multiprocessing
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEEDS, TUNING_SEEDS = (0, 1, 2), (100, 101)
NOISES = (0, 0.05, 0.1, 0.2, 0.3, 0.5)
METHODS = ("none", "osr", "irp", "irp_all", "robust", "oracle")
MODELS = ("gaussian", "knn", "differnet_small")

SIZE = [  # what two CPU cores can afford
    "data.image_size=224",
    "batch_size=32",
    "views.n_transforms=2",
    "epochs=8",
    "max_rounds=6",
    "round_epochs=1",
]

FLOW = ["model.lr=1e-3"]  # so that eight epochs are enough

COLUMNS = (
    *("grid", "model", "method", "noise", "seed", "split", "groups", "k", "scoring", "rule"),
    *("image_auroc", "image_ap", "noise_achieved", "removed_good", "removed_bad"),
    *("removal_precision", "removal_recall", "detection_auroc", "rounds", "converged"),
    *("train_images", "seconds_fit"),
)

Cell = dict[str, Any]


def cells(grid: str) -> Iterator[Cell]:
    """The cells of a part of the study."""
    if grid == "main":
        for model, seed, noise, method in itertools.product(MODELS, SEEDS, NOISES, METHODS):
            yield cell(grid, model, noise, seed, method)
    elif grid == "lam":  # how much the threshold's parameter matters
        for model, seed in itertools.product(MODELS, SEEDS):
            for method, k in (("irp_all", 1.2), ("irp_all", 2), ("robust", 2.5), ("robust", 3.5)):
                yield cell(grid, model, 0.2, seed, method, **{"refine.k": k})
    elif grid == "groups":  # splits and folds at random, as if nobody knew of the exposures
        for model, seed, method in itertools.product(MODELS, SEEDS, ("none", "robust", "oracle")):
            one_each = {"data.split": "published", "data.groups": "none"}
            yield cell(grid, model, 0.2, seed, method, **one_each)
    elif grid == "scorings":  # what else was tried, on the tuning seeds
        for seed, noise in itertools.product(TUNING_SEEDS, (0, 0.2)):
            model = "gaussian"
            for method in ("none", "oracle", "robust"):
                yield cell(grid, model, noise, seed, method)
            for rule, k in (("mad", 3), ("iqr", 1.5), ("otsu", 1), ("lower_mad", 3)):
                for scoring in ("local", "cross_fit"):
                    values = {"refine.scoring": scoring, "refine.rule": rule, "refine.k": k}
                    yield cell(grid, model, noise, seed, "robust", **values)
            values = {"refine.scoring": "local", "refine.rule": "lambda_median", "refine.k": 1.5}
            yield cell(grid, model, noise, seed, "robust", **values)


def cell(grid: str, model: str, noise: float, seed: int, method: str, **values: Any) -> Cell:
    overrides = [f"{key}={value}" for key, value in values.items()]
    name = "_".join([model, method, f"noise{noise}", f"seed{seed}", *overrides])
    return {
        "grid": grid,
        "model": model,
        "method": method,
        "noise": noise,
        "seed": seed,
        "overrides": overrides,
        "name": name.replace("/", "-"),
    }


def run_cell(cell: Cell, root: str, weights: str, out: Path, threads: int) -> str:
    """Run one cell in a process of its own; returns what there is to say."""
    import torch
    from hydra import compose, initialize_config_dir

    from irp_lightning.sweeps.command_line import CONF
    from irp_lightning.run import run

    folder = out / cell["name"]
    metrics = folder / "metrics.json"
    if metrics.is_file():
        if json.loads(metrics.read_text())["status"] == "complete":
            return "complete already"
        metrics.unlink()
    (folder / "config.yaml").unlink(missing_ok=True)  # of a run that was killed
    torch.set_num_threads(threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    try:
        with (
            initialize_config_dir(str(CONF), version_base="1.3"),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            cfg = compose(
                "config",
                [
                    "+experiment=mtd_noise",
                    f"data.root={root}",
                    f"backbone.weights={weights}",
                    f"model={cell['model']}",
                    f"refine={cell['method']}",
                    f"noise={cell['noise']}",
                    f"seed={cell['seed']}",
                    "trainer.accelerator=cpu",
                    *SIZE,
                    *(FLOW if cell["model"] == "differnet_small" else []),
                    *cell["overrides"],
                ],
            )
            area = run(cfg, folder)["image_auroc"]
    except Exception:
        return traceback.format_exc()
    return f"AUROC {area:.3f}"


def collect(out: Path, chosen: list[Cell], file: Path) -> int:
    """Write every complete cell of some grids into a CSV file; returns how many there are."""
    rows = []
    for cell in chosen:
        metrics = out / cell["name"] / "metrics.json"
        found = json.loads(metrics.read_text()) if metrics.is_file() else {}
        if found.get("status") != "complete":
            continue
        values = dict(text.split("=") for text in cell["overrides"])
        rows.append(
            {
                **{key: found.get(key) for key in COLUMNS},
                **{key: cell[key] for key in ("grid", "model", "method", "noise", "seed")},
                "split": values.get("data.split", "grouped"),
                "groups": values.get("data.groups", "file"),
                "scoring": values.get("refine.scoring", ""),
                "rule": values.get("refine.rule", ""),
                "seconds_fit": found["seconds"]["fit"],
            }
        )
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", required=True, help="holds magnetic_tile")
    parser.add_argument("--weights", required=True, help="of squeezenet1_1")
    parser.add_argument("--out", type=Path, default=Path("outputs/robustness"))
    parser.add_argument("--processes", type=int, default=2, help="each with one thread")
    grids = ("main", "lam", "groups", "scorings")
    parser.add_argument("--grid", nargs="+", choices=grids, default=list(grids))
    chosen = parser.parse_args()
    todo = [cell for grid in chosen.grid for cell in cells(grid)]
    everything = [cell for grid in grids for cell in cells(grid)]
    root, weights = str(Path(chosen.root).resolve()), str(Path(chosen.weights).resolve())
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.processes, mp_context=spawn) as pool:
        jobs = [pool.submit(run_cell, cell, root, weights, chosen.out, 1) for cell in todo]
        for number, (cell, job) in enumerate(zip(todo, jobs, strict=True), start=1):
            print(f"[{number}/{len(todo)}] {cell['name']}: {job.result()}", flush=True)
    found = collect(chosen.out, everything, HERE / "results.csv")
    print(f"results.csv: {found} of {len(everything)} cells")


if __name__ == "__main__":
    main()
