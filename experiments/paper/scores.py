"""Both scores of finished runs: DifferNet's mean z² (``latent``) and Eq. 1's −log p (``nll``).

python experiments/paper/scores.py SWEEP_FOLDER

Of each vanilla, robust and oracle run of a flow below the folder the trained detector scores its test
images by both, from the features in the bank, and by what sets them apart, −log|det J| (determinant).
The fit is the same: the score takes no part in it.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common import sweeps
from common.tables import markdown, write_rows
from common.tested import is_of_a_flow, tested_by
from measured_rows import OUT, Row
from torch import Tensor

from irp_lightning.detectors.flow import SCORES
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.runs.record import Record

METHODS = ("none", "robust", "oracle")


def determinant(z: Tensor, log_det: Tensor) -> Tensor:
    """The part of Eq. 1 that mean z² leaves out, −log|det J| / d, averaged over views: (B, V) → (B,)."""
    return -(log_det / z.shape[-1]).mean(dim=1)


SCORES["determinant"] = determinant


def row_of(run: Record) -> Row:
    """The AUROC of a flow's run by each score."""
    tested = tested_by(run)
    found = {}
    for score in SCORES:
        tested.detector.hparams["score"] = score
        found[score] = auroc(tested.score(), tested.labels)
    return {
        **{key: run.metrics[key] for key in ("category", "method", "seed")},
        "noise": run.metrics["noise_requested"],
        **found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep", type=Path)
    chosen = parser.parse_args()
    runs = [
        run
        for run in sweeps.records(chosen.sweep)
        if run.metrics["method"] in METHODS
        and is_of_a_flow(run)
        and run.metrics["contamination"] == "share"
        and run.config["model"].get("score") == "latent"
        and run.config["model"].get("precision", "fp32") == "fp32"
    ]
    if not runs:
        raise SystemExit(
            f"scores.py: {chosen.sweep} holds no finished run of a flow and {', '.join(METHODS)}"
        )
    rows = [row_of(run) for run in runs]
    write_rows(OUT / "scores.csv", rows)
    groups: dict[tuple[str, float, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["method"], row["noise"], row["category"]].append(row)
    lines = [
        [
            method,
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
