"""Local scores with folds drawn by group and at random: how well they find the injected defects.

python experiments/robustness/folds.py --root ROOT --weights squeezenet1_1.pth
"""

import argparse
import itertools
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common.inputs import Inputs, experiment
from common.tables import markdown, write_rows

from irp_lightning.data.groups import fold_groups
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.refinement.scorers.local import Local
from irp_lightning.refinement.scoring import TrainingImages

HERE = Path(__file__).parent
SPLITS, NOISES, SEEDS = ("grouped", "published"), (0.1, 0.2, 0.5), (0, 1, 2)


def no_detector(fitted_on: torch.Tensor, scored: torch.Tensor) -> torch.Tensor:
    """Local scores need none."""
    raise NotImplementedError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_intermixed_args()
    e = experiment(
        *("+experiment=mtd_noise", "data.image_size=224", "trainer.accelerator=cpu"),
        *(f"data.root={chosen.root}", f"backbone.weights={chosen.weights}", *chosen.overrides),
    )
    inputs = Inputs(e)
    patches = inputs.patches()
    rows = []
    for split, noise, seed in itertools.product(SPLITS, NOISES, SEEDS):
        pool = inputs.pool(split, noise, seed)
        known = torch.tensor(
            fold_groups(pool.of(inputs.images.samples), pool.of(inputs.images.groups), e.data.groups)
        )
        labels = torch.tensor([i in pool.injected for i in pool.train]).int()
        row: dict[str, float | str] = {"split": split, "noise": noise, "seed": seed}
        for folds, groups in (("grouped", known), ("random", torch.arange(len(known)))):
            images = TrainingImages(patches, torch.tensor(pool.train), groups, seed, no_detector)
            scores = Local(images, e.refine)(torch.ones(len(known), dtype=torch.bool))
            row[folds] = auroc(scores, labels)
        rows.append(row)
        print(row, flush=True)
    write_rows(HERE / "folds.csv", rows)
    print(markdown(["split", "noise", "folds by group", "random folds"], means(rows)))


def means(rows: list[dict[str, float | str]]) -> list[list[str]]:
    """Over the seeds, by split and noise."""
    found = []
    for split, noise in itertools.product(SPLITS, NOISES):
        cells = [row for row in rows if (row["split"], row["noise"]) == (split, noise)]
        values = (statistics.fmean(row[folds] for row in cells) for folds in ("grouped", "random"))
        found.append([split, str(noise), *(f"{value:.3f}" for value in values)])
    return found


if __name__ == "__main__":
    main()
