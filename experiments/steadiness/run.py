"""How much the AUROC wanders from epoch to epoch and from seed to seed, without any refinement.

python experiments/steadiness/run.py --root ROOT --weights squeezenet1_1.pth

One split and one contamination (seed 100, which no other table reports), three initialisations, which
is why this is no sweep of ordinary runs; scoring with the weights themselves and with their running
average. Every epoch is a round of a method that never removes anything, so that the test images are
scored after it. Their labels are looked at to measure the wander, not to choose an epoch.
"""

import argparse
import itertools
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common.inputs import Inputs, experiment
from common.tables import markdown, write_rows
from common.wander import wander

from irp_lightning.detectors.config import ModelConfig
from irp_lightning.pipeline.fitting import Fitting

HERE = Path(__file__).parent
SPLIT_SEED, NOISE, LAST = 100, 0.2, 5
LRS, INITS = (2e-4, 1e-3), (0, 1, 2)
WEIGHTS = {"last": 0.0, "average": 0.98}
"""The decay of the average that scores."""


def with_values(model: ModelConfig, **values: Any) -> ModelConfig:
    """The same detector with other arguments."""
    return replace(model, rest={**model.rest, **values})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_intermixed_args()
    e = experiment(
        *("+experiment=mtd_noise", "data.image_size=224", "batch_size=32", "views.n_transforms=2"),
        *("model.hidden=128", "trainer.accelerator=cpu"),
        *(f"data.root={chosen.root}", f"backbone.weights={chosen.weights}", *chosen.overrides),
    )
    inputs = Inputs(e)
    pool = inputs.pool("grouped", NOISE, SPLIT_SEED)
    labels = torch.tensor([inputs.images.samples[i].label for i in pool.test])
    features = inputs.features()
    rows: list[dict[str, Any]] = []
    for lr, init, (name, decay) in itertools.product(LRS, INITS, WEIGHTS.items()):
        model = with_values(e.model, lr=lr, average=decay)
        fitting = Fitting(
            extractor=inputs.extractors.detector,
            features=features,
            pool=pool,
            model=model,
            trainer=e.trainer,
            views=e.views,
            epochs=1,
            batch_size=e.batch_size,
            seed=init,
        )
        areas = wander(fitting, labels, chosen.epochs)
        for epoch, area in enumerate(areas, start=1):
            rows.append({"lr": lr, "weights": name, "init": init, "epoch": epoch, "image_auroc": area})
        print(rows[-1], flush=True)
    write_rows(HERE / "results.csv", rows)
    head = [
        "learning rate",
        "weights",
        "at the end",
        "sd over the last epochs",
        "sd over initialisations",
    ]
    print(markdown(head, summary(rows)))


def summary(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Mean at the end, spread over the last epochs of a run, spread over initialisations at the end."""
    lines = []
    for lr, name in itertools.product(LRS, WEIGHTS):
        mine = [row for row in rows if float(row["lr"]) == lr and row["weights"] == name]
        late = [
            [float(row["image_auroc"]) for row in mine if int(row["init"]) == init][-LAST:]
            for init in INITS
        ]
        within = statistics.fmean(statistics.stdev(values) for values in late)
        ends = [values[-1] for values in late]
        numbers = f"{statistics.fmean(ends):.3f}", f"{within:.4f}", f"{statistics.stdev(ends):.4f}"
        lines.append([f"{lr:g}", name, *numbers])
    return lines


if __name__ == "__main__":
    main()
