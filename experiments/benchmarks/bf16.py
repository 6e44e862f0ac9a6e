"""What bf16 in the flow does to the scores of finished runs, image by image, and to their AUROC.

python experiments/benchmarks/bf16.py SWEEP_FOLDER

Of each run of a flow below the folder the trained detector scores its test images twice, from the
features in the bank. ``trained`` says in which precision it was trained: that of the run.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common import sweeps
from paired import report
from scipy.stats import spearmanr

from irp_lightning.data.content import content_hash
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.detectors.flow import Subnet
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.features.bank import FeatureBank
from irp_lightning.runs.record import Record


def measure(run: Record) -> dict[str, object]:
    """A row of the table."""
    loaded = load_detector(run.folder)
    bank = FeatureBank(Path(run.config["cache_dir"]), loaded.extractor.spec, "float32")
    root = Path(run.config["data"]["root"]) / run.metrics["category"]
    tested = run.scores()
    labels = torch.tensor([int(row["label"]) for row in tested])
    features = torch.stack([bank.read(content_hash(root / row["path"])) for row in tested])
    scores = {}
    for precision in ("fp32", "bf16"):
        for part in loaded.detector.modules():
            if isinstance(part, Subnet):
                part.precision = precision
        with torch.no_grad():
            scores[precision] = torch.cat([loaded.detector.score(some) for some in features.split(8)])
    exact, rough = scores["fp32"], scores["bf16"]
    return {
        **{key: run.metrics[key] for key in ("category", "method")},
        "noise": run.metrics["noise_requested"],
        "seed": run.metrics["seed"],
        "trained": run.config["model"].get("precision", "fp32"),  # an older run has none
        "images": len(tested),
        "rank correlation": float(spearmanr(exact, rough).statistic),
        "largest relative error": ((rough - exact).abs() / exact).max().item(),
        "AUROC scored in fp32": auroc(exact, labels),
        "AUROC scored in bf16": auroc(rough, labels),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--method", default="none", help="of whose runs")
    chosen = parser.parse_args()
    runs = [
        run
        for run in sweeps.records(chosen.sweep)
        if run.metrics["method"] == chosen.method
        and run.config["model"]["_target_"].endswith(".DifferNet")
    ]
    if not runs:
        raise SystemExit(f"bf16.py: {chosen.sweep} holds no finished run of a flow and {chosen.method}")
    report("scores in bf16", [measure(run) for run in runs], "bf16")


if __name__ == "__main__":
    main()
