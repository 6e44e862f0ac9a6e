"""AUROC against the number of bank views, and against live rotation.

python experiments/views/run.py --root ROOT --category magnetic_tile --weights squeezenet1_1.pth

The bank of most views is extracted once; a bank of fewer is its beginning (their angles are). Live
training draws fresh angles at every step and is scored on the fixed views of the largest bank. Trained
on a clean sample of the normal images, scored on a sample of the test images; the last epoch counts.
"""

import argparse
import csv
import random
import statistics
from collections import defaultdict
from pathlib import Path

import torch
from matplotlib.figure import Figure

from irp_lightning.data.mvtec import read_mvtec
from irp_lightning.features.batches import TrainingBatches
from irp_lightning.features.bank import FeatureBank, content_hash
from irp_lightning.features.extraction import default_workers
from irp_lightning.features.extractor import build_extractor
from irp_lightning.features.preparation import load_features
from irp_lightning.features.image_features import FeatureSource, LiveFeatures, ResidentFeatures
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import nll
from irp_lightning.evaluation.metrics import auroc

HERE = Path(__file__).parent
BATCH = 8


def sample(
    root: Path, category: str, seed: int, train: int, test: int
) -> tuple[list[Path], torch.Tensor]:
    """``train`` normal images, then ``test`` normal and ``test`` defective test images, with labels."""
    samples = read_mvtec(root, category)
    rng = random.Random(seed)
    normal = [s for s in samples if s.side == "train"]
    good, bad = ([s for s in samples if s.side == "test" and s.label == label] for label in (0, 1))
    chosen = [*rng.sample(normal, train), *rng.sample(good, test), *rng.sample(bad, test)]
    return [s.path for s in chosen], torch.tensor([s.label for s in chosen])


def train_and_score(
    source: FeatureSource, train: int, scored: torch.Tensor, epochs: int, seed: int
) -> torch.Tensor:
    """Scores of the images beyond the first ``train``, after training on those."""
    torch.manual_seed(seed)
    module = DifferNet(source.dim, hidden=256)
    optimiser = module.configure_optimizers()
    for epoch in range(epochs):
        batches = TrainingBatches(source, torch.arange(train), BATCH, 4, seed * 1_000_003 + epoch)
        for features, _ in batches:
            optimiser.zero_grad()
            nll(*module(features)).mean().backward()
            optimiser.step()
    with torch.no_grad():
        return torch.cat([module.score(part) for part in scored.split(64)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--category", default="magnetic_tile")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--cache-dir", type=Path, default=Path("~/.cache/irp_lightning").expanduser())
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--counts", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--train", type=int, default=200)
    parser.add_argument("--test", type=int, default=100, help="of each kind")
    chosen = parser.parse_args()

    most = max(chosen.counts)
    extractor = build_extractor(
        name="squeezenet1_1",
        weights=chosen.weights,
        backbone_seed=0,
        n_scales=3,
        image_size=chosen.size,
        crop="none",
        n_views=most,
        view_seed=0,
        interpolation="bilinear",
        fill="zeros",
        autocast="none",
    )
    rows = []
    paths, labels = sample(chosen.root, chosen.category, 0, chosen.train, chosen.test)
    bank = load_features(
        "bank",
        paths,
        [content_hash(path) for path in paths],
        extractor,
        FeatureBank(chosen.cache_dir, extractor.spec, "float32"),
        workers=default_workers(),
        device=torch.device("cpu"),
    )
    assert isinstance(bank, ResidentFeatures)
    sources: dict[str, tuple[FeatureSource, int]] = {
        str(count): (ResidentFeatures(bank.features[:, :count].contiguous()), count)
        for count in chosen.counts
    }
    sources["live"] = LiveFeatures(paths, extractor, default_workers()), most
    for seed in chosen.seeds:
        for name, (source, count) in sources.items():
            scored = bank.features[chosen.train :, :count]
            scores = train_and_score(source, chosen.train, scored, chosen.epochs, seed)
            area = auroc(scores, labels[chosen.train :])
            rows.append({"views": name, "seed": seed, "image_auroc": area})
            print(rows[-1], flush=True)
            with (HERE / "results.csv").open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    plot(rows)


def plot(rows: list[dict[str, object]]) -> None:
    """Mean and standard deviation over the seeds, live rotation as a band."""
    areas: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        areas[str(row["views"])].append(float(str(row["image_auroc"])))
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.subplots()
    counts = [name for name in areas if name != "live"]
    means = [statistics.fmean(areas[name]) for name in counts]
    spread = [statistics.stdev(areas[name]) if len(areas[name]) > 1 else 0 for name in counts]
    axis.errorbar([int(c) for c in counts], means, spread, marker="o", capsize=3, label="bank")
    if "live" in areas:
        live = statistics.fmean(areas["live"])
        sd = statistics.stdev(areas["live"]) if len(areas["live"]) > 1 else 0
        axis.axhline(live, color="tab:orange", label="live rotation")
        axis.axhspan(live - sd, live + sd, color="tab:orange", alpha=0.2, linewidth=0)
    axis.set_xscale("log", base=2)
    axis.set_xticks([int(c) for c in counts], counts)
    axis.set(xlabel="views in the bank", ylabel="image AUROC")
    axis.legend()
    figure.savefig(HERE / "views.png", dpi=120)


if __name__ == "__main__":
    main()
