"""Content of a run in Weights & Biases, so that a dashboard can compare many runs."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb
from torch import Tensor

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.samples import Sample
from irp_lightning.evaluation.evaluation import Evaluation
from irp_lightning.evaluation.tables import REMOVED_COLUMNS
from irp_lightning.refinement.rounds import Round
from irp_lightning.runs.thumbnail import thumbnail

__all__ = [
    "FINAL",
    "MOST_REMOVED",
    "artifact_name",
    "define_axes",
    "histogram",
    "show_evaluation",
    "show_figures",
    "show_files",
    "show_removed",
    "show_rounds",
    "tags_of",
]

LONGEST_TAG, LONGEST_NAME = 64, 128  # W&B's limits

MOST_REMOVED = 100
"""Removed images in the table; of more, the first. ``removed.csv`` has all."""

BINS = 64

FINAL = (
    *("image_auroc", "image_ap", "pixel_auroc", "aupro"),
    *("removal_precision", "removal_recall", "removed_good", "removed_bad", "detection_auroc"),
    *("vanilla_auroc", "oracle_auroc", "gap_closure"),
)
"""Figures of ``metrics.json`` that stand against the noise in a dashboard."""


def tags_of(asked: Iterable[str], facts: Mapping[str, Any]) -> list[str]:
    """The user's tags, and the run's detector, backbone, category and kind of contamination.

    Each once, none longer than W&B allows.
    """
    own = (facts[key] for key in ("model", "backbone", "category", "contamination"))
    tags = (str(tag)[:LONGEST_TAG] for tag in (*asked, *own))
    return list(dict.fromkeys(tag for tag in tags if tag))


def define_axes(run: wandb.Run) -> None:
    """Say what each curve stands against.

    A figure's summary stays its last value, W&B's default: its best would be chosen on the test set.
    (Asking for ``summary="last"`` would rename ``image_auroc`` to ``image_auroc.last``.)
    """
    for axis, curves in (
        ("trainer/global_step", ("train/*", "epoch")),
        ("round", ("round/*",)),
        ("noise_requested", FINAL),  # one point a run: many make the curve of a method over the noise
    ):
        run.define_metric(axis)
        for curve in curves:
            run.define_metric(curve, step_metric=axis)


def histogram(scores: Tensor) -> wandb.Histogram | None:
    """A histogram of the scores that are finite; None if there are none."""
    finite = scores.double()[scores.isfinite()]
    return wandb.Histogram(finite.tolist(), num_bins=BINS) if len(finite) else None


def show_evaluation(run: wandb.Run, evaluation: Evaluation, metrics: Mapping[str, Any]) -> None:
    """The rounds, the figures and the removed images.

    Args:
        run: The W&B run.
        evaluation: What was found out.
        metrics: What ``metrics.json`` will hold.
    """
    show_rounds(run, evaluation.rounds, evaluation.round_rows)
    show_figures(run, metrics, evaluation.test_scores, evaluation.test_labels)
    show_removed(run, evaluation.removed_rows, evaluation.train, evaluation.bit_depth)


def show_rounds(run: wandb.Run, rounds: Sequence[Round], rows: Sequence[Mapping[str, Any]]) -> None:
    """Per round its figures, and a histogram of the training scores.

    Args:
        run: The W&B run.
        rounds: What happened.
        rows: The rows of ``rounds.csv``.
    """
    for r, row in zip(rounds, rows, strict=True):
        shown = {f"round/{key}": value for key, value in row.items() if key != "round"}
        shown["round/scores"] = histogram(r.scores[r.active])
        run.log({"round": r.number, **_known(shown)})


def show_removed(
    run: wandb.Run,
    rows: Sequence[Mapping[str, Any]],
    samples: Sequence[Sample],
    bit_depth: BitDepth | None = None,
) -> None:
    """A table of the removed images, with their pictures, in the order of their removal.

    Args:
        run: The W&B run.
        rows: The rows of ``removed.csv``.
        samples: The training images.
        bit_depth: What the numbers of deep images mean.
    """
    paths, shown = {s.name: s.path for s in samples}, rows[:MOST_REMOVED]
    table = wandb.Table(columns=["image", *REMOVED_COLUMNS])
    for row in shown:
        picture = wandb.Image(thumbnail(paths[row["path"]], bit_depth=bit_depth), file_type="jpg")
        table.add_data(picture, *(None if _unknown(row[c]) else row[c] for c in REMOVED_COLUMNS))
    run.log({"removed_images": table})
    run.summary["removed_images_shown"] = f"{len(shown)} of {len(rows)}"


def show_figures(
    run: wandb.Run, metrics: Mapping[str, Any], test_scores: Tensor, test_labels: Tensor
) -> None:
    """The figures of ``metrics.json``, and how the test scores lie.

    Args:
        run: The W&B run.
        metrics: The figures.
        test_scores: (T,), by the last epoch.
        test_labels: (T,), 1 for defective.
    """
    bad = test_labels.bool()
    point = {key: metrics[key] for key in ("noise_requested", *FINAL)}
    point["test_scores/normal"] = histogram(test_scores[~bad])
    point["test_scores/defective"] = histogram(test_scores[bad])
    run.log(_known(point))
    run.summary.update(_known({key: value for key, value in metrics.items() if key not in point}))


def show_files(
    run: wandb.Run, manifest: Path, checkpoint: Path | None, facts: Mapping[str, Any]
) -> None:
    """The manifest and the checkpoint as artifacts.

    Args:
        run: The W&B run.
        manifest: ``manifest.csv``; runs on the same images in the same roles share a version of it.
        checkpoint: ``last.ckpt``; None: not wanted.
        facts: What to find the artifacts by; the manifest is named after the ``category``.
    """
    name = artifact_name("manifest", facts["category"])
    images = wandb.Artifact(name, "dataset", metadata=dict(facts))
    images.add_file(str(manifest))
    run.log_artifact(images)
    if checkpoint is not None:
        model = wandb.Artifact(artifact_name("checkpoint", run.id), "model", metadata=dict(facts))
        # It can be large, and stays as it is: taken from where it lies, without a copy.
        model.add_file(str(checkpoint), policy="immutable", skip_cache=True)
        run.log_artifact(model)


def artifact_name(kind: str, name: str) -> str:
    """A name that W&B takes for an artifact: letters, digits, ``-``, ``_`` and ``.`` alone.

    >>> artifact_name("manifest", "Kachel, groß/1")
    'manifest-Kachel-gro-1'
    """
    return f"{kind}-{re.sub('[^A-Za-z0-9_.-]+', '-', name)}"[:LONGEST_NAME]


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None or not a finite number: no dashboard can draw it."""
    return {
        key: _known(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if not _unknown(value)
    }


def _unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
