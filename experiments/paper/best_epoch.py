"""What choosing the best epoch on the test images would flatter: shown once, used nowhere.

python experiments/paper/best_epoch.py --root ROOT --alexnet FILE

Vanilla ``differnet_small`` as in the measured grid (noise 0 and 0.2, seed 0), its test images scored
after every epoch. The last epoch is what every other figure of the project is of.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common.inputs import Inputs, experiment
from common.tables import markdown, read_rows, write_rows
from common.wander import wander
from hydra.errors import HydraException
from measured_curves import draw_epochs
from measured_rows import CATEGORIES, OUT, Row

from irp_lightning.foundation.errors import InputError
from irp_lightning.pipeline.fitting import Fitting

EPOCHS = 60
SEED = 0
SHOWN = (5, 10, 20, 40)


def areas(root: Path, alexnet: Path, category: str) -> Iterator[Row]:
    """The AUROC after each epoch, at each noise."""
    e = experiment(
        *("+experiment=mvtec_noise", "model=differnet_small", "batch_size=32"),
        *(f"data.root={root}", f"data.category={category}", f"backbone.weights={alexnet}"),
    )
    inputs = Inputs(e)
    features = inputs.features()
    for noise in (0.0, 0.2):
        pool = inputs.pool("published", noise, SEED)
        labels = torch.tensor([inputs.images.samples[i].label for i in pool.test])
        fitting = Fitting(
            extractor=inputs.extractors.detector,
            features=features,
            pool=pool,
            model=e.model,
            trainer=e.trainer,
            views=e.views,
            epochs=1,
            batch_size=e.batch_size,
            seed=SEED,
        )
        for epoch, area in enumerate(wander(fitting, labels, EPOCHS), start=1):
            yield {"category": category, "noise": f"{noise:g}", "epoch": epoch, "image_auroc": area}


def table(rows: Sequence[Row]) -> str:
    """The last epoch, some on the way, and the best, as Markdown."""
    lines = []
    for category, noise in dict.fromkeys((row["category"], row["noise"]) for row in rows):
        of = [
            float(row["image_auroc"])
            for row in rows
            if (row["category"], row["noise"]) == (category, noise)
        ]
        best = max(range(EPOCHS), key=of.__getitem__)
        shown = [f"{of[epoch - 1]:.3f}" for epoch in (*SHOWN, EPOCHS)]
        flattered = f"{of[best] - of[-1]:+.3f}"
        lines.append([category, noise, *shown, f"{of[best]:.3f} (after {best + 1})", flattered])
    head = ["category", "noise", *(f"epoch {epoch}" for epoch in SHOWN), f"the last, {EPOCHS}"]
    return markdown([*head, "the best on the test images", "would flatter by"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--alexnet", type=Path, required=True)
    chosen = parser.parse_args()
    try:
        found = [row for category in CATEGORIES for row in areas(chosen.root, chosen.alexnet, category)]
    except (InputError, HydraException) as error:
        raise SystemExit(f"best_epoch.py: {' '.join(str(error).split())}") from error
    write_rows(OUT / "best_epoch.csv", found)
    rows = read_rows(OUT / "best_epoch.csv")
    draw_epochs(rows, OUT)
    print(table(rows))


if __name__ == "__main__":
    main()
