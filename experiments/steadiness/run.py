"""How much the AUROC wanders from epoch to epoch and from seed to seed, without any refinement.

python experiments/steadiness/run.py --root ROOT --weights squeezenet1_1.pth

One split and one contamination (seed 100, which no other table reports), three initialisations; after
every epoch the test images are scored with the weights themselves and with their running average. The
test labels are looked at to measure the wander, not to choose an epoch.
"""

import argparse
import csv
import itertools
import statistics
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from irp_lightning.sweeps.command_line import CONF
from irp_lightning.data.contamination import contaminate
from irp_lightning.data.dataset import list_samples, load_dataset
from irp_lightning.features.batches import TrainingBatches
from irp_lightning.data.split import split_samples
from irp_lightning.features.bank import FeatureBank, content_hash
from irp_lightning.features.extractor import build_extractor
from irp_lightning.features.preparation import load_features
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import nll
from irp_lightning.evaluation.metrics import auroc

HERE = Path(__file__).parent
SPLIT_SEED, NOISE, BATCH, VIEWS, LAST = 100, 0.2, 32, 2, 5
LRS, INITS = (2e-4, 1e-3), (0, 1, 2)
AVERAGE = 0.98


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--cache-dir", type=Path, default=Path("~/.cache/irp_lightning").expanduser())
    chosen = parser.parse_args()
    source, train, test, labels = data(chosen.root.resolve(), chosen.weights, chosen.cache_dir)
    rows: list[dict[str, object]] = []
    for lr, init in itertools.product(LRS, INITS):
        torch.manual_seed(init)
        module = DifferNet(source.dim, hidden=128, lr=lr)
        average = torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=_average)
        optimiser = module.configure_optimizers()
        for epoch in range(1, chosen.epochs + 1):
            for features, _ in TrainingBatches(source, train, BATCH, VIEWS, init * 1_000_003 + epoch):
                optimiser.zero_grad()
                nll(*module(features)).mean().backward()
                optimiser.step()
                average.update_parameters(module)
            for name, scorer in (("last", module), ("average", average.module)):
                with torch.no_grad():
                    scores = torch.cat([scorer.score(source.scored(part)) for part in test.split(64)])
                area = auroc(scores, labels)
                rows.append(
                    {"lr": lr, "weights": name, "init": init, "epoch": epoch, "image_auroc": area}
                )
        print(rows[-2:], flush=True)
    with (HERE / "results.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    report(rows, chosen.epochs)


def _average(averages: list[torch.Tensor], weights: list[torch.Tensor], steps: torch.Tensor) -> None:
    decay = min(AVERAGE, (1 + int(steps)) / (10 + int(steps)))
    for mean, weight in zip(averages, weights, strict=True):
        if weight.is_floating_point():  # permutations are integers
            mean.lerp_(weight, 1 - decay)


def data(
    root: Path, weights: str, cache: Path
) -> tuple[ResidentFeatures, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of all tiles, the training and test images' positions, the test labels."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", ["+experiment=mtd_noise", f"data.root={root}"])
    dataset = load_dataset(cfg.data, list_samples(cfg.data), lambda paths: {})
    split = split_samples(dataset.samples, dataset.groups, "grouped", SPLIT_SEED)
    pool = contaminate(dataset.samples, split, "share", NOISE, SPLIT_SEED)
    extractor = build_extractor(
        name="squeezenet1_1", weights=weights, backbone_seed=0, n_scales=3, image_size=224, crop="none",
        n_views=8, view_seed=0, interpolation="bilinear", fill="zeros", autocast="none",
    )  # fmt: skip
    paths = [sample.path for sample in dataset.samples]
    source = load_features(
        "bank", paths, [content_hash(path) for path in paths], extractor,
        FeatureBank(cache, extractor.spec, "float32"), workers=1, device=torch.device("cpu"),
    )  # fmt: skip
    assert isinstance(source, ResidentFeatures)
    labels = torch.tensor([dataset.samples[i].label for i in pool.test])
    return source, torch.tensor(pool.train), torch.tensor(pool.test), labels


def report(rows: list[dict[str, object]], epochs: int) -> None:
    """Mean at the end, spread over the last epochs of a run, spread over initialisations at the end."""
    print("| lr | weights | at the end, mean | sd over the last 5 epochs | sd over initialisations |")
    print("| --- | --- | --- | --- | --- |")
    for lr, name in itertools.product(LRS, ("last", "average")):
        mine = [row for row in rows if row["lr"] == lr and row["weights"] == name]
        late = [
            [float(str(r["image_auroc"])) for r in mine if r["init"] == i][epochs - LAST :]
            for i in INITS
        ]
        within = statistics.fmean(statistics.stdev(values) for values in late)
        ends = [values[-1] for values in late]
        print(
            f"| {lr:g} | {name} | {statistics.fmean(ends):.3f} | {within:.4f} | "
            f"{statistics.stdev(ends):.4f} |"
        )


if __name__ == "__main__":
    main()
