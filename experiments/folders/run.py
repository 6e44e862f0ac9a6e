"""Flat folders of neutral names: what cleaning finds, what it is worth, whether the promise is kept.

``python -m experiments.folders.run --data ../shared/data/mvtec_layout --work DIR``: resumable, one row a
folder in ``results.csv``. Of each category train/good is mixed with some of its defects, half of each
kind at the most, under numbers for names; labels are kept aside and join the results alone. The other
defects and test/good are held out.
"""

import argparse
import csv
import random
import shutil
from pathlib import Path
from typing import Any

import torch

from experiments.common.tables import read_rows, write_rows
from irp_lightning.data.contamination import contaminated_counts
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.pipeline.cleaned_folder import clean_folder, experiment_of_folder
from irp_lightning.refinement.looks import best_cut, next_look

HERE = Path(__file__).parent
CATEGORIES = ("bottle", "pill", "screw", "capsule", "magnetic_tile")
NOISES, SEEDS = (0.05, 0.1, 0.2), (0, 1, 2)
ASKED = (0.01, 0.05)
LOOKS = (10, 30)


def main() -> None:
    """Compute what is not in the table yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mvtec_layout"))
    parser.add_argument("--work", type=Path, required=True, help="where folders and their results go")
    parser.add_argument("--categories", nargs="+", default=CATEGORIES)
    parser.add_argument("--noises", nargs="+", type=float, default=NOISES)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--table", type=Path, default=HERE / "results.csv")
    parser.add_argument("overrides", nargs="*")
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = list(read_rows(chosen.table)) if chosen.table.is_file() else []
    for seed in chosen.seeds:
        for noise in chosen.noises:
            for category in chosen.categories:
                key = {"category": category, "noise": str(noise), "seed": str(seed)}
                if not any(key.items() <= row.items() for row in rows):
                    folder = chosen.work / f"{category}-{noise}-{seed}"
                    labels = make_folder(chosen.data / category, folder, noise, seed)
                    found = key | measure(folder, labels, seed, chosen.overrides)
                    rows.append(rounded(found))
                    write_rows(chosen.table, rows)


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """As it stands in the table."""
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()}


def make_folder(source: Path, folder: Path, noise: float, seed: int) -> dict[str, int]:
    """Copy photographs under neutral names; the labels of the training images, by name.

    Beside them ``images.csv`` names them unlabelled and the held-out images labelled.
    """
    shutil.rmtree(folder, ignore_errors=True)
    rng = random.Random(seed)
    good = sorted((source / "train/good").iterdir())
    kinds: dict[str, list[Path]] = {
        d.name: sorted(d.iterdir()) for d in sorted((source / "test").iterdir()) if d.name != "good"
    }
    group = groups_of(source)
    pool = [p for images in kinds.values() for p in rng.sample(images, len(images))[: len(images) // 2]]
    chosen = rng.sample(pool, contaminated_counts(len(good), len(pool), noise)[1])
    train = [(path, 0) for path in good] + [(path, 1) for path in chosen]
    rng.shuffle(train)
    trained = {group[path] for path, _ in train if path in group}
    held_out = [(path, 0) for path in sorted((source / "test/good").iterdir())]
    held_out += [(p, 1) for images in kinds.values() for p in images if p not in set(pool)]
    held_out = [(path, label) for path, label in held_out if group.get(path) not in trained]
    (folder / "photos").mkdir(parents=True)
    labels = {}
    with (folder / "images.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["image_path", "label_index", "split"])
        for number, (path, label) in enumerate(train):
            name = f"photos/{number:04d}{path.suffix}"
            shutil.copy(path, folder / name)
            labels[name] = label
            table.writerow([name, -1, "train"])
        table.writerows([path.absolute(), label, "test"] for path, label in held_out)
    return labels


def groups_of(source: Path) -> dict[Path, str]:
    """Photographs of one tile; none where nobody says."""
    file = source / "groups.csv"
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as stream:
        return {source / row["path"]: row["group"] for row in csv.DictReader(stream)}


def measure(folder: Path, labels: dict[str, int], seed: int, overrides: list[str]) -> dict[str, Any]:
    """One folder: suspects, AUROC before and after, false alarms, looks."""
    table, out = folder / "images.csv", folder / "out"
    with_seed = [f"seed={seed}", *overrides]
    metrics = clean_folder(experiment_of_folder(table, out, overrides=with_seed), out)
    vanilla = experiment_of_folder(
        table, folder / "none", false_alarms=None, overrides=[*with_seed, "refine=none"]
    )
    before = clean_folder(vanilla, folder / "none")
    suspects, kept = read_rows(out / "suspects.csv"), read_rows(out / "clean.csv")
    kept = [row for row in kept if row["split"] == "train"]
    name = {str((folder / key).absolute()): key for key in labels}
    ranked = sorted(
        [(final_score(row), labels[row["path"]], row) for row in suspects]
        + [(final_score(row), labels[name[row["image_path"]]], row) for row in kept],
        key=lambda item: -item[0],
    )
    order = [label for _, label, _ in ranked]
    scores = torch.tensor([score for score, _, _ in ranked])
    found, defects = sum(labels[row["path"]] for row in suspects), sum(order)
    calibration = load_detector(out / "detector.ckpt").calibration
    assert calibration is not None
    tested = read_rows(out / "scores.csv")
    test_good = torch.tensor([float(row["score"]) for row in tested if row["label"] == "0"])
    test_bad = torch.tensor([float(row["score"]) for row in tested if row["label"] == "1"])
    result: dict[str, Any] = {
        "images": len(order),
        "defects": defects,
        "removed": len(suspects),
        "precision": found / max(1, len(suspects)),
        "recall": found / max(1, defects),
        "first": sum(order[:defects]) / max(1, defects),
        "ranking_auroc": auroc(scores, torch.tensor(order)),
        "auroc_before": before["image_auroc"],
        "auroc_after": metrics["image_auroc"],
        "test_good": len(test_good),
        "test_bad": len(test_bad),
        "suspects_below_threshold": sum(
            float(row["detector_score"]) <= calibration.threshold for row in suspects
        ),
        "defects_below_threshold": sum(
            labels[row["path"]]
            for row in suspects
            if float(row["detector_score"]) <= calibration.threshold
        ),
        "seconds": sum(metrics["seconds"].values()),
    }
    for asked in ASKED:
        at = calibration.at(asked)
        result[f"promised_{asked}"] = at.promised
        result[f"false_alarms_{asked}"] = int((test_good > at.threshold).sum())
        result[f"hits_{asked}"] = int((test_bad > at.threshold).sum())
    # What a threshold that is tuned on labels would do, and on these very images: best F1, as anomalib's
    # F1AdaptiveThreshold takes it, from precision and recall at each score.
    best = metrics["cleaning"]["best_f1_threshold"]
    result["false_alarms_best_f1"] = int((test_good >= best).sum())
    result["hits_best_f1"] = int((test_bad >= best).sum())
    result |= looks(order, len(suspects))
    return result


def final_score(row: dict[str, str]) -> float:
    """How an image scores in the end; an older version calls that ``score``."""
    return float(row.get("final_score") or row["score"])


def looks(order: list[int], expected: int) -> dict[str, float]:
    """Recall and precision after some looks: by what the page proposes, and from the top down.

    After looks by proposal all before the cut goes; from the top down what was seen to be defective
    goes, and what the rule removes of the rest.
    """
    result = {}
    for count in LOOKS:
        seen: dict[int, bool] = {}
        for _ in range(count):
            place = next_look(len(order), expected, seen)
            if place is not None:
                seen[place] = bool(order[place])
        cut = best_cut(len(order), expected, seen)
        gone = [seen.get(i, i < cut) for i in range(len(order))]
        result |= _found(f"proposed_{count}", order, gone)
        gone = [bool(order[i]) if i < count else i < expected for i in range(len(order))]
        result |= _found(f"top_{count}", order, gone)
    return result


def _found(name: str, order: list[int], gone: list[bool]) -> dict[str, float]:
    right = sum(label for label, is_gone in zip(order, gone, strict=True) if is_gone)
    return {
        f"{name}_recall": right / max(1, sum(order)),
        f"{name}_precision": right / max(1, sum(gone)),
    }


if __name__ == "__main__":
    main()
