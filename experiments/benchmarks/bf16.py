"""What bf16 in the flow does to the scores of finished runs, image by image, and to their AUROC.

python experiments/benchmarks/bf16.py SWEEP_FOLDER

Of each run of a flow below the folder the trained detector scores its test images twice, from the
features in the bank. ``trained`` says in which precision it was trained: that of the run.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps
from common.tested import is_of_a_flow, tested_by
from paired import report
from scipy.stats import spearmanr

from irp_lightning.detectors.flow import Subnet
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.record import Record


def measure(run: Record) -> dict[str, object]:
    """A row of the table."""
    tested = tested_by(run)
    scores = {}
    for precision in ("fp32", "bf16"):
        for part in tested.detector.modules():
            if isinstance(part, Subnet):
                part.precision = precision
        scores[precision] = tested.score()
    exact, rough = scores["fp32"], scores["bf16"]
    return {
        **{key: run.metrics[key] for key in ("category", "method")},
        "noise": run.metrics["noise_requested"],
        "seed": run.metrics["seed"],
        "trained": run.config["model"].get("precision", "fp32"),  # an older run has none
        "images": len(tested.labels),
        "rank correlation": float(spearmanr(exact, rough).statistic),
        "largest relative error": ((rough - exact).abs() / exact).max().item(),
        "AUROC scored in fp32": auroc(exact, tested.labels),
        "AUROC scored in bf16": auroc(rough, tested.labels),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--method", default="none", help="of whose runs")
    chosen = parser.parse_args()
    runs = [
        run
        for run in sweeps.records(chosen.sweep)
        if run.metrics["method"] == chosen.method and is_of_a_flow(run)
    ]
    if not runs:
        raise SystemExit(f"bf16.py: {chosen.sweep} holds no finished run of a flow and {chosen.method}")
    try:
        rows = [measure(run) for run in runs]
    except InputError as error:
        raise SystemExit(f"bf16.py: {error}") from error
    report("scores in bf16", rows, "bf16")


if __name__ == "__main__":
    main()
