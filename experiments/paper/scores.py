"""Both scores of finished runs: DifferNet's mean z² (``latent``) and Eq. 1's −log p (``nll``).

python experiments/paper/scores.py SWEEP_FOLDER [SWEEP_FOLDER ...]

Of each vanilla, robust and oracle run of a flow below the folders the trained detector scores its test
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
from measured_rows import IN_SAMPLE, OUT, Row, protocol_of
from torch import Tensor

from irp_lightning.detectors.flow import SCORES
from irp_lightning.evaluation.metrics import auroc
from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.record import Record

METHODS = ("none", "robust", "oracle")
CELL = ("model", "precision", "method", "noise", "category")


def determinant(z: Tensor, log_det: Tensor) -> Tensor:
    """The part of Eq. 1 that mean z² leaves out, −log|det J| / d, averaged over views: (B, V) → (B,)."""
    return -(log_det / z.shape[-1]).mean(dim=1)


SCORES["determinant"] = determinant


def method_of(run: Record) -> str:
    """A run that was to remove between rounds and found nothing is a vanilla run."""
    method: str = run.metrics["method"]
    return "none" if method in IN_SAMPLE and run.metrics["rounds"] == 0 else method


def cell_of(run: Record) -> Row:
    """What a run is of; a cell may have been run twice: as what it is, and as what removed nothing."""
    return {
        **{key: run.metrics[key] for key in ("category", "model", "seed")},
        "precision": protocol_of(run, "precision"),
        "method": method_of(run),
        "noise": run.metrics["noise_requested"],
    }


def row_of(run: Record) -> Row:
    """The AUROC of a flow's run by each score."""
    tested = tested_by(run)
    found = {}
    for score in SCORES:
        tested.detector.hparams["score"] = score
        found[score] = auroc(tested.score(), tested.labels)
    return {**cell_of(run), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweeps", type=Path, nargs="+")
    chosen = parser.parse_args()
    runs = {
        tuple(cell_of(run).values()): run
        for sweep in chosen.sweeps
        for run in sweeps.records(sweep)
        if method_of(run) in METHODS
        and is_of_a_flow(run)
        and run.metrics["contamination"] == "share"
        and protocol_of(run, "score") == "latent"
    }
    if not runs:
        raise SystemExit(
            f"scores.py: {' '.join(map(str, chosen.sweeps))}: no finished run of a flow and "
            f"{', '.join(METHODS)}"
        )
    try:
        rows = [row_of(run) for run in runs.values()]
    except InputError as error:
        raise SystemExit(f"scores.py: {error}") from error
    write_rows(OUT / "scores.csv", rows)
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in CELL)].append(row)
    lines = [
        [
            *map(str, cell),
            str(len(some)),
            *(f"{statistics.fmean(row[score] for row in some):.3f}" for score in SCORES),
        ]
        for cell, some in sorted(groups.items())
    ]
    print(markdown([*CELL, "seeds", *SCORES], lines))


if __name__ == "__main__":
    main()
