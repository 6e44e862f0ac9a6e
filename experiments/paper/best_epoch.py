"""What choosing the best epoch on the test images would flatter: shown once, used nowhere.

python experiments/paper/best_epoch.py --root ROOT --alexnet FILE

Vanilla ``differnet_small`` as in the measured grid (noise 0.2, seed 0), its test images scored after
every epoch. The last epoch is what every other figure of the project is of.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common.inputs import Inputs, experiment
from common.tables import markdown, write_rows
from common.wander import wander
from measured_rows import CATEGORIES, OUT

from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.fitting import Fitting

NOISE, SEED, EPOCHS = 0.2, 0, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--alexnet", type=Path, required=True)
    parser.add_argument("--category", nargs="+", choices=CATEGORIES, default=list(CATEGORIES))
    chosen = parser.parse_args()
    rows = []
    for category in chosen.category:
        try:
            e = experiment(
                *("+experiment=mvtec_noise", "model=differnet_small", "batch_size=32"),
                *(f"data.root={chosen.root}", f"data.category={category}"),
                f"backbone.weights={chosen.alexnet}",
            )
            inputs = Inputs(e)
        except InputError as error:
            raise SystemExit(f"best_epoch.py: {error}") from error
        pool = inputs.pool("published", NOISE, SEED)
        labels = torch.tensor([inputs.images.samples[i].label for i in pool.test])
        fitting = Fitting(
            inputs.extractor,
            inputs.features(),
            pool,
            e.model,
            e.trainer,
            e.views,
            1,
            e.batch_size,
            SEED,
        )
        areas = [area for area in wander(fitting, labels, EPOCHS) if area is not None]
        best = max(range(EPOCHS), key=areas.__getitem__)
        rows.append(
            {
                "category": category,
                "noise": NOISE,
                "seed": SEED,
                "last epoch": areas[-1],
                "best epoch's": areas[best],
                "best epoch": best + 1,
                "flattered by": areas[best] - areas[-1],
            }
        )
        print(rows[-1], flush=True)
    write_rows(OUT / "best_epoch.csv", rows)
    print(markdown(list(rows[0]), [[f"{v}" for v in row.values()] for row in rows]))


if __name__ == "__main__":
    main()
