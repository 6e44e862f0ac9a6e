"""Both scores of finished runs: DifferNet's mean z² (``latent``) and Eq. 1's −log p (``nll``).

python experiments/paper/scores.py SWEEP_FOLDER

Of each vanilla and oracle run of a flow below the folder the trained detector scores its test images by
both, from the features in the bank. The fit is the same: the score takes no part in it.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common import sweeps
from common.tables import markdown, write_rows
from measured_rows import OUT, TITLES, Row

from irp_lightning.data.content import content_hash
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import SCORES
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.features.bank import FeatureBank
from irp_lightning.runs.record import Record


def row_of(run: Record) -> Row | None:
    """A run's AUROC by each score; None of a run without a flow."""
    loaded = load_detector(run.folder)
    if not isinstance(loaded.detector, DifferNet):
        return None
    bank = FeatureBank(Path(run.config["cache_dir"]), loaded.extractor.spec, "float32")
    root = Path(run.config["data"]["root"]) / run.metrics["category"]
    tested = run.scores()
    labels = torch.tensor([int(row["label"]) for row in tested])
    features = torch.stack([bank.read(content_hash(root / row["path"])) for row in tested])
    found = {}
    for score in SCORES:
        loaded.detector.hparams["score"] = score
        with torch.no_grad():
            found[score] = torch.cat([loaded.detector.score(some) for some in features.split(8)])
    return {
        **{key: run.metrics[key] for key in ("category", "method", "seed")},
        "noise": run.metrics["noise_requested"],
        **{score: auroc(scores, labels) for score, scores in found.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep", type=Path)
    chosen = parser.parse_args()
    runs = [
        run
        for run in sweeps.records(chosen.sweep)
        if run.metrics["method"] in TITLES
        and run.metrics["contamination"] == "share"
        and run.config["model"].get("score") == "latent"
        and run.config["model"].get("precision", "fp32") == "fp32"
    ]
    rows = [row for row in map(row_of, runs) if row]
    if not rows:
        raise SystemExit(f"scores.py: {chosen.sweep} holds no finished vanilla or oracle run of a flow")
    write_rows(OUT / "scores.csv", rows)
    groups: dict[tuple[str, float, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["method"], row["noise"], row["category"]].append(row)
    lines = [
        [
            TITLES[method],
            f"{noise:g}",
            category,
            str(len(some)),
            *(f"{statistics.fmean(row[score] for row in some):.3f}" for score in SCORES),
        ]
        for (method, noise, category), some in sorted(groups.items())
    ]
    print(markdown(["method", "noise", "category", "seeds", *SCORES], lines))


if __name__ == "__main__":
    main()
