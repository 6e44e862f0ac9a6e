"""Local scores with folds drawn by group and at random: how well they find the injected defects.

python experiments/robustness/folds.py --root ROOT --weights squeezenet1_1.pth
"""

import argparse
import csv
import statistics
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from irp_lightning.sweeps.command_line import CONF
from irp_lightning.data.contamination import contaminate
from irp_lightning.data.dataset import list_samples, load_dataset
from irp_lightning.features.batches import RefinableData
from irp_lightning.data.split import split_samples
from irp_lightning.features.bank import FeatureBank, content_hash
from irp_lightning.features.extractor import build_extractor
from irp_lightning.features.preparation import load_features
from irp_lightning.detectors.knn import KNN
from irp_lightning.refinement.scorers.local import LocalScoring
from irp_lightning.evaluation.metrics import auroc

HERE = Path(__file__).parent
SEEDS, NOISES, SPLITS = (0, 1, 2), (0.1, 0.2, 0.5), ("grouped", "published")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--cache-dir", type=Path, default=Path("~/.cache/irp_lightning").expanduser())
    chosen = parser.parse_args()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", ["+experiment=mtd_noise", f"data.root={chosen.root.resolve()}"])
    dataset = load_dataset(cfg.data, list_samples(cfg.data), lambda paths: {})
    extractor = build_extractor(
        name="squeezenet1_1", weights=chosen.weights, backbone_seed=0, n_scales=3, image_size=224,
        crop="none", n_views=8, view_seed=0, interpolation="bilinear", fill="zeros", autocast="none",
    ).of_cells(cfg.refine.grid)  # fmt: skip
    paths = [sample.path for sample in dataset.samples]
    source = load_features(
        "bank", paths, [content_hash(path) for path in paths], extractor,
        FeatureBank(chosen.cache_dir, extractor.spec, "float32"), workers=1, device=torch.device("cpu"),
    )  # fmt: skip
    number = {name: i for i, name in enumerate(dict.fromkeys(dataset.groups))}
    rows = []
    for split_kind in SPLITS:
        for noise in NOISES:
            for seed in SEEDS:
                split = split_samples(dataset.samples, dataset.groups, split_kind, seed)
                pool = contaminate(dataset.samples, split, "share", noise, seed)
                data = RefinableData(
                    source, pool.train, pool.test,
                    batch_size=64, n_transforms=1, n_transforms_test=1, seed=seed,
                )  # fmt: skip
                known = torch.tensor([number[dataset.groups[i]] for i in pool.train])
                labels = torch.tensor([i in pool.injected for i in pool.train]).int()
                row: dict[str, object] = {"split": split_kind, "noise": noise, "seed": seed}
                for folds, groups in (("grouped", known), ("random", torch.arange(len(known)))):
                    scorer = LocalScoring(source, groups, cfg.refine.folds, seed)
                    scores = scorer(KNN(source.dim), data, data.active)
                    row[folds] = auroc(scores, labels)
                rows.append(row)
                print(row, flush=True)
    with (HERE / "folds.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for split_kind in SPLITS:
        for noise in NOISES:
            cells = [r for r in rows if r["split"] == split_kind and r["noise"] == noise]
            means = [statistics.fmean(float(str(r[k])) for r in cells) for k in ("grouped", "random")]
            print(f"| {split_kind} | {noise} | {means[0]:.3f} | {means[1]:.3f} |")


if __name__ == "__main__":
    main()
