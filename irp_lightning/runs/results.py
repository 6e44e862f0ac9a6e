"""What a run found out, as its folder holds it: tables, figures, and what the run is found by."""

from typing import Any

from irp_lightning.config.experiment import Experiment
from irp_lightning.evaluation.evaluation import Evaluation
from irp_lightning.evaluation.tables import REMOVED_COLUMNS, ROUND_COLUMNS, SCORE_COLUMNS
from irp_lightning.foundation.names import printable
from irp_lightning.localisation.heat_maps import heat_maps
from irp_lightning.refinement.checks import looks_at_patches
from irp_lightning.runs.figures import removed_gallery, roc_curve, score_histograms
from irp_lightning.runs.folder import FIGURES, REMOVED, ROUNDS, SCORES, RunFolder

__all__ = ["facts", "write_evaluation"]


def write_evaluation(folder: RunFolder, evaluation: Evaluation) -> None:
    """Write the tables and the figures of what a run found out."""
    e = evaluation
    folder.csv(ROUNDS, ROUND_COLUMNS, e.round_rows)
    folder.csv(REMOVED, REMOVED_COLUMNS, e.removed_rows)
    folder.csv(SCORES, SCORE_COLUMNS, e.score_rows)
    figures = {
        "scores": score_histograms(e.rounds, e.train),
        "removed": removed_gallery(e.removed_rows, e.train, e.removed_maps, e.bit_depth),
    }
    if (curve := roc_curve(e.test_scores, e.test_labels)) is not None:
        figures["roc"] = curve
    if e.localisation is not None and e.localisation.names:
        position = {sample.name: i for i, sample in enumerate(e.test)}
        shown = [position[name] for name in e.localisation.names]
        figures["heat_maps"] = heat_maps(e.localisation, e.test_scores[shown])
    for name, figure in figures.items():
        folder.write(f"{FIGURES}/{name}.png", figure.savefig)


def facts(e: Experiment) -> dict[str, Any]:
    """Settings repeated in ``metrics.json``.

    ``k`` is None where the method has none, ``removal_backbone`` where it looks at no patches.
    """
    refine = e.refine
    return {
        "method": refine.name,
        "model": e.model.title,
        "backbone": e.backbone.name,
        "removal_backbone": refine.scoring.network.name
        if refine.scoring and looks_at_patches(refine)
        else None,
        "contamination": e.contamination.kind,
        "lam": e.lam,
        "k": refine.rule.rest.get("k") if refine.rule and refine.scorer else None,
        "category": printable(e.data.category),
        "seed": e.seed,
        "noise_requested": e.noise,
    }
