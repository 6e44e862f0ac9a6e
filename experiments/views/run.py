"""AUROC against the number of bank views, and against live rotation.

python experiments/views/run.py --root ROOT --category magnetic_tile --weights squeezenet1_1.pth

Two sweeps of ordinary runs on a sample of the images, without noise: banks of more and more views, each
of which begins with the views of the smaller ones, and live rotation, which trains on fresh angles at
every step and is scored on the fixed views of the largest bank. The last epoch counts.
"""

import argparse
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps
from common.inputs import experiment
from common.tables import spread, write_rows
from matplotlib.figure import Figure

from irp_lightning.data.readers import mvtec
from irp_lightning.runs.record import Record

HERE = Path(__file__).parent

SIZE = [
    *("+experiment=mtd_noise", "noise=0", "refine=none", "data.split=published"),
    *("batch_size=8", "views.n_transforms=4", "trainer.accelerator=cpu"),
    *("model=differnet_small", "model.hidden=256", "model.average=0"),
]


def write_sample(root: Path, category: str, out: Path, train: int, test: int) -> None:
    """Lay out a small dataset of links, the same for all runs.

    Args:
        root: Holds the category, in the MVTec layout.
        category: Its folder's name, here and there.
        out: The new root.
        train: Normal training images.
        test: Normal, and defective, test images: so many of each.
    """
    e = experiment("data=mvtec", f"data.root={root}", f"data.category={category}")
    samples = mvtec.read(e.data).samples
    rng = random.Random(0)
    normal = [s for s in samples if s.side == "train"]
    good, bad = ([s for s in samples if s.side == "test" and s.label == label] for label in (0, 1))
    chosen = [*rng.sample(normal, train), *rng.sample(good, test), *rng.sample(bad, test)]
    for sample in chosen:
        link = out / category / sample.name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(sample.path)
    # One group: no defect leaves the test set for the pool, whatever the seed.
    tested = [{"path": s.name, "group": "tested"} for s in chosen if s.side == "test"]
    write_rows(out / category / "groups.csv", tested)


def commands(
    counts: Sequence[int], seeds: Sequence[int], where: Sequence[str], out: Path
) -> list[list[str]]:
    """The overrides of the two sweeps."""
    same = [*SIZE, *where, f"seed={','.join(map(str, seeds))}", f"hydra.sweep.dir={out}"]
    return [
        [*same, f"views.count={','.join(map(str, counts))}"],
        [*same, f"views.count={max(counts)}", "features.cache=live"],
    ]


def row(record: Record) -> dict[str, Any]:
    """What ``results.csv`` says of a run."""
    config = record.config
    views = "live" if config["features"]["cache"] == "live" else config["views"]["count"]
    return {
        "views": views,
        "seed": config["seed"],
        "image_auroc": record.metrics["image_auroc"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--category", default="magnetic_tile")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("outputs/views"))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--counts", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--train", type=int, default=200)
    parser.add_argument("--test", type=int, default=100, help="of each kind")
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_intermixed_args()
    out = chosen.out.resolve()
    where = [
        *(f"data.root={out / 'sample'}", f"data.category={chosen.category}"),
        *(f"backbone.weights={chosen.weights.resolve()}", f"data.image_size={chosen.size}"),
        *(f"epochs={chosen.epochs}", *chosen.overrides),
    ]
    if not chosen.dry_run:
        write_sample(chosen.root.resolve(), chosen.category, out / "sample", chosen.train, chosen.test)
    failed = sweeps.run(commands(chosen.counts, chosen.seeds, where, out / "cells"), chosen.dry_run)
    rows = [] if chosen.dry_run else [row(record) for record in sweeps.records(out / "cells")]
    if rows:
        rows.sort(key=lambda r: (r["seed"], r["views"] == "live", r["views"]))
        write_rows(HERE / "results.csv", rows)
        plot(rows, HERE / "views.png")
    sys.exit(failed > 0)


def plot(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Mean and standard deviation over the seeds, live rotation as a band."""
    areas: dict[str, list[float]] = defaultdict(list)
    for found in rows:
        areas[str(found["views"])].append(float(found["image_auroc"]))
    live = areas.pop("live", [])
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.subplots()
    counts, values = [int(count) for count in areas], list(areas.values())
    means = [statistics.fmean(v) for v in values]
    axis.errorbar(counts, means, [spread(v) for v in values], marker="o", capsize=3, label="bank")
    if live:
        mean, sd = statistics.fmean(live), spread(live)
        axis.axhline(mean, color="tab:orange", label="live rotation")
        axis.axhspan(mean - sd, mean + sd, color="tab:orange", alpha=0.2, linewidth=0)
    axis.set_xscale("log", base=2)
    axis.set_xticks(counts, list(map(str, counts)))
    axis.set(xlabel="views in the bank", ylabel="image AUROC")
    axis.legend()
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
