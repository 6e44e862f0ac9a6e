"""Output of a cleaned folder beyond a run's: suspects, a threshold, a report and a detector file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irp_lightning import __version__
from irp_lightning.cleaning.report import Content, render
from irp_lightning.cleaning.similarity import clusters, descriptions, look_alikes, worst_patches
from irp_lightning.cleaning.suspects import (
    CLEAN_COLUMNS,
    SUSPECT_COLUMNS,
    Suspect,
    clean_rows,
    suspect_rows,
    suspects_of,
)
from irp_lightning.config.experiment import Experiment
from irp_lightning.data.samples import Sample
from irp_lightning.detectors.checkpoint import add_calibration
from irp_lightning.foundation.amounts import percent
from irp_lightning.foundation.names import printable
from irp_lightning.pipeline.calibration import calibrated
from irp_lightning.pipeline.fitting import Fitted, Fitting
from irp_lightning.pipeline.inputs import Inputs
from irp_lightning.pipeline.removal import Removal
from irp_lightning.refinement.config import RuleConfig
from irp_lightning.refinement.ranking import Ranking
from irp_lightning.refinement.scoring import TrainingImages
from irp_lightning.runs.folder import CHECKPOINT, CLEAN, DETECTOR, REPORT, SUSPECTS, RunFolder

__all__ = ["find_suspects", "write_product"]

ORDINARY = 256
"""Kept images that the mean patch is taken of."""


def find_suspects(
    images: TrainingImages,
    train: Sequence[Sample],
    removal: Removal,
    ranking: Ranking,
    scores: Tensor,
    verdicts: Mapping[int, bool],
) -> list[Suspect]:
    """All training images in their order of suspicion, with what each looks like.

    Args:
        images: The training images, with their patches.
        train: What they are.
        removal: What was removed, and what is worth a look.
        ranking: Their scores and maps.
        scores: (N,), by detectors that never saw the image.
        verdicts: By training image, whether somebody who looked calls it defective.
    """
    kept = removal.active
    removed = [i for i in ranking.order.tolist() if not kept[i]]
    found = torch.zeros(len(removed), dtype=torch.long)
    if removed:
        chosen = torch.tensor(removed)
        worst = worst_patches(images.vectors, chosen, ranking.maps[chosen], images.patches)
        ordinary = images.vectors(kept.nonzero().flatten()[:ORDINARY]).float().mean(dim=(0, 1)).cpu()
        found = clusters(worst, ordinary)
    alike = look_alikes(descriptions(images.vectors, len(train)), kept)
    return suspects_of(train, removal.cleaning, ranking, alike, found, scores, verdicts, removal.likely)


def write_product(
    inputs: Inputs,
    removal: Removal,
    fitting: Fitting,
    fitted: Fitted,
    e: Experiment,
    folder: RunFolder,
) -> dict[str, Any]:
    """Write the tables, the report and the detector with its threshold, where they are asked for.

    Args:
        inputs: The images of the run.
        removal: What was removed, with its ranking.
        fitting: Fits detectors like the run's.
        fitted: The run's detector, whose checkpoint is in the folder.
        e: ``false_alarms`` and what the report says of the settings.
        folder: The run folder.

    Returns:
        What ``metrics.json`` says of it; nothing where ``false_alarms`` is not set.
    """
    if e.false_alarms is None:
        return {}
    # Checked before any work begins: such a run removes out of sample, by a scorer that explains itself.
    assert inputs.groups is not None
    assert removal.ranking is not None
    assert removal.scored is not None
    verdicts, active = inputs.shared_verdicts, removal.active
    labels = [sample.label for sample in inputs.test]
    calibration, scores = calibrated(
        fitting, fitted, active, inputs.groups, e.false_alarms, labels, verdicts
    )
    content = Content(
        title=printable(Path(e.data.root).name),
        suspects=find_suspects(removal.scored, inputs.train, removal, removal.ranking, scores, verdicts),
        maps=removal.ranking.maps,
        calibration=calibration,
        images=inputs.images,
        rounds=removal.cleaning.rounds,
        settings=_settings(e),
        looks={inputs.train[i].name: defective for i, defective in inputs.verdicts.items()},
        expected=removal.proposed,
        estimate=removal.estimate,
        carried_back=inputs.removal_extractor.carried_back,
    )
    return {"cleaning": _write(folder, inputs.test, content)}


def _write(folder: RunFolder, test: Sequence[Sample], content: Content) -> dict[str, Any]:
    rows = suspect_rows(content.suspects)
    folder.csv(SUSPECTS, SUSPECT_COLUMNS, rows)
    folder.csv(CLEAN, CLEAN_COLUMNS, clean_rows(content.suspects, test))
    folder.text(REPORT, render(content))

    def save(file: Path) -> None:
        add_calibration(folder.path / CHECKPOINT, content.calibration, file)

    folder.write(DETECTOR, save)
    c = content.calibration
    return {
        "suspects": sum(not s.is_kept for s in content.suspects),
        "likely": sum(s.grade == "likely" and s.is_kept for s in content.suspects),
        "kept": sum(s.is_kept for s in content.suspects),
        "looks": len(content.looks),
        "threshold": c.threshold,
        "false_alarms_asked": c.asked,
        "false_alarms_promised": c.promised,
        "false_alarms_between": [c.low, c.high],
        "false_alarms_at_most": c.at_most,
        "best_f1_threshold": c.best_f1,
        "calibration_groups": c.groups,
        "review": None if content.review is None else asdict(content.review),
    }


def _settings(e: Experiment) -> list[tuple[str, str]]:
    """What the report says of how it came about."""
    scoring, rule = e.refine.scoring, e.refine.rule
    assert scoring is not None  # a cleaning removes out of sample
    assert rule is not None
    asked = [] if e.false_alarms is None else [("requested false alarms", percent(e.false_alarms))]
    return [
        ("folder", printable(e.data.root)),
        ("removal", f"{e.refine.name}: {scoring.title}, {_called(rule)}"),
        ("looked through", f"{scoring.network.name}, {e.patches.image_size} px"),
        ("detector", f"{e.model.title} on {e.backbone.name}"),
        *asked,
        ("groups", str(e.data.groups)),
        ("seed", str(e.seed)),
        ("irp_lightning", __version__),
        *((name, version(name)) for name in ("torch", "timm", "lightning")),
    ]


def _called(rule: RuleConfig) -> str:
    """A rule with its arguments."""
    arguments = ", ".join(f"{key} = {value}" for key, value in rule.rest.items())
    return f"{rule.title} ({arguments})" if arguments else rule.title
