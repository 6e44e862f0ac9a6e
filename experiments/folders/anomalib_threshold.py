"""anomalib's threshold on the very scores of the folders: its false alarms and the defects it finds.

``python -m experiments.folders.anomalib_threshold --work DIR``, with DIR as it was given to
``experiments.folders.run``. anomalib's own classes draw the validation images (``Tabular``, with its
defaults), choose the threshold and decide (``PostProcessor``). It is no dependency of this project:
``pip install anomalib`` into an environment that has both. Without ``--work`` the table is printed.
"""

import argparse
import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from experiments.common.tables import markdown, read_rows, write_rows
from experiments.folders.report import Row, share, total
from experiments.folders.run import ASKED, CATEGORIES, HERE, NOISES, SEEDS
from irp_lightning.detectors.checkpoint import load_detector

TABLE = HERE / "anomalib_threshold.csv"
DRAWS = 20  # which images are validated on is chance, and with them the threshold

WAYS = {
    "labels": "half of the labelled",
    "normal": "its normal images alone",
    "folder": "a tenth of the folder",
    **{str(asked): f"ours, asked {100 * asked:g} %" for asked in ASKED},
}
"""What a threshold is chosen on, by the end of its columns' names."""

Scores = dict[str, tuple[int, float]]
"""Label and score of images by their paths."""


def main() -> None:
    """Compute the rows where the folders are there; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="where the folders and their results lie")
    work = parser.parse_args().work
    if work is not None:
        if importlib.util.find_spec("anomalib") is None:
            raise SystemExit("anomalib is not installed here; pip install anomalib (2.7.0 was measured)")
        logging.disable(logging.WARNING)  # that there are no defects to validate on: it is the point
        keys = [(c, str(noise), str(seed)) for seed in SEEDS for noise in NOISES for c in CATEGORIES]
        columns = "category", "noise", "seed"
        rows = [dict(zip(columns, key, strict=True)) | measure(work / "-".join(key)) for key in keys]
        write_rows(TABLE, rows)
    print(text(read_rows(TABLE)))


def measure(folder: Path) -> Row:
    """Of each way's alarms, over all draws, how many are false and how many are defects."""
    out = folder / "out"
    tested = {r["path"]: (int(r["label"]), float(r["score"])) for r in read_rows(out / "scores.csv")}
    # By detectors that were not fitted to them: the folds' of what was kept, the last one of suspects.
    given = {r["image_path"]: r for r in read_rows(out / "clean.csv") if r["split"] == "train"}
    given |= {str((folder / r["path"]).absolute()): r for r in read_rows(out / "suspects.csv")}
    believed = {path: (0, float(row["detector_score"])) for path, row in given.items()}
    calibration = load_detector(out / "detector.ckpt").calibration
    assert calibration is not None
    found = dict.fromkeys(("test_good", "test_bad"), 0)
    for draw in range(DRAWS):
        validated, judged = drawn(tested, "test", draw)
        labels, scores = columns_of(judged)
        normal = {path: one for path, one in validated.items() if one[0] == 0}
        alarms = {
            "labels": decided(validated, scores),
            "normal": decided(normal, scores),
            "folder": decided(drawn(believed, "train", draw)[0], scores),
            **{str(asked): scores > calibration.at(asked).threshold for asked in ASKED},
        }
        counts = {"test_good": int((labels == 0).sum()), "test_bad": int((labels == 1).sum())}
        for way, raised in alarms.items():
            counts[f"false_alarms_{way}"] = int(raised[labels == 0].sum())
            counts[f"hits_{way}"] = int(raised[labels == 1].sum())
        found = {key: found.get(key, 0) + count for key, count in counts.items()}
    return {key: str(count) for key, count in found.items()}


def drawn(images: Scores, split: str, seed: int) -> tuple[Scores, Scores]:
    """The images that anomalib validates on, and those that it tests on.

    By default half of the labelled test images, each class by itself; of a folder without any a fifth is
    set apart, all of it called normal, and validated on by half.
    """
    from anomalib.data import Tabular

    rows = [{"image_path": p, "label_index": one[0], "split": split} for p, one in images.items()]
    module = Tabular(name="folder", samples=rows, seed=seed)
    module.setup()
    parts = module.val_data, module.test_data
    validated, judged = ({p: images[p] for p in part.samples["image_path"]} for part in parts)
    return validated, judged


def decided(validated: Scores, scores: Tensor) -> Tensor:
    """Whether anomalib raises an alarm for each score, once it has seen the validation images: (B,)."""
    from anomalib.data import ImageBatch, InferenceBatch
    from anomalib.post_processing import PostProcessor

    labels, seen = columns_of(validated)
    after = PostProcessor()
    batch = ImageBatch(image=torch.zeros(len(seen), 3, 1, 1), pred_score=seen, gt_label=labels)
    after.on_validation_batch_end(None, None, batch)
    after.on_validation_epoch_end(None, None)
    alarms: Tensor = after(InferenceBatch(pred_score=scores)).pred_label
    return alarms


def columns_of(images: Scores) -> tuple[Tensor, Tensor]:
    """Labels and scores, (B,) each."""
    labels, scores = zip(*images.values(), strict=True)
    return torch.tensor(labels), torch.tensor(scores)


def text(rows: Sequence[Row]) -> str:
    """False alarms and defects found, in percent of all draws' images, a line a category."""
    lines = []
    for name in [*sorted({row["category"] for row in rows}), "all"]:
        some = [row for row in rows if name in (row["category"], "all")]
        rates = [100 * total(some, f"false_alarms_{way}") / total(some, "test_good") for way in WAYS]
        hits = [share(some, f"hits_{way}", "test_bad") for way in WAYS]
        lines.append((name, *(f"{r:.1f} % · {h}" for r, h in zip(rates, hits, strict=True))))
    return markdown(("folder", *WAYS.values()), lines)


if __name__ == "__main__":
    main()
