"""The figures of one run."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from torch import Tensor

from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.samples import GOOD, UNLABELLED, Sample
from irp_lightning.evaluation import metrics
from irp_lightning.evaluation.tables import Row
from irp_lightning.localisation.overlay import overlay, stretched
from irp_lightning.refinement.rounds import Round
from irp_lightning.runs.thumbnail import thumbnail

__all__ = ["removed_gallery", "roc_curve", "score_histograms"]

COLOURS = {"normal": "tab:green", "unlabelled": "tab:grey", "defective": "tab:red"}
"""What is known of an image."""

MOST_PANELS, MOST_IMAGES, COLUMNS = 6, 40, 8


def score_histograms(rounds: Sequence[Round], train: Sequence[Sample]) -> Figure:
    """Training scores of normal, unlabelled and injected images, round by round, with the threshold.

    Of many rounds, a few spread from the first to the last are shown.
    """
    kinds = [_known(sample.defect) for sample in train]
    members = {kind: torch.tensor([k == kind for k in kinds]) for kind in COLOURS if kind in kinds}
    colours = [COLOURS[kind] for kind in members]
    count = min(len(rounds), MOST_PANELS)
    shown = [rounds[round(i)] for i in np.linspace(0, len(rounds) - 1, count)]
    figure = Figure(figsize=(4 * min(3, count), 3 * math.ceil(count / 3)), layout="constrained")
    axes = figure.subplots(math.ceil(count / 3), min(3, count), squeeze=False).flatten()
    for axis in axes[count:]:
        axis.set_axis_off()
    for axis, r in zip(axes, shown, strict=False):
        scores = r.scores[r.active].double()
        low, high = scores.min().item(), scores.max().item()
        # Unseen outliers can lie orders of magnitude beyond the bulk.
        log = low > 0 and high / low > 50
        edges = np.geomspace(low, high, 41) if log else np.linspace(low, high + 1e-12, 41)
        parts = [scores[those[r.active]] for those in members.values()]
        axis.hist(parts, edges, stacked=True, color=colours)
        if log:
            axis.set_xscale("log")
        if r.threshold is not None:
            axis.axvline(r.threshold, color="black", linestyle="--", linewidth=1)
        axis.set_title(f"round {r.number}: {len(scores)} active, {int(r.removed.sum())} removed")
        axis.set_xlabel("training score")
    handles = [*(Patch(color=colour) for colour in colours), Line2D([], [], color="black", ls="--")]
    names = ["injected" if kind == "defective" else kind for kind in members]
    axes[0].legend(handles=handles, labels=[*names, "threshold"])
    return figure


def roc_curve(scores: Tensor, labels: Tensor) -> Figure | None:
    """The ROC curve of the test images; None where they are of one kind, or there are none."""
    curve, area = metrics.roc_curve(scores, labels), metrics.auroc(scores, labels)
    if curve is None:
        return None
    figure = Figure(figsize=(4, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot(*curve)
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    axis.set_title(f"test images, AUROC {area:.4f}")
    axis.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    return figure


def removed_gallery(
    rows: Sequence[Row],
    train: Sequence[Sample],
    maps: Tensor | None = None,
    bit_depth: BitDepth | None = None,
) -> Figure:
    """The removed images in the order of their removal, outlined by what is known of them.

    Green is normal, red defective, grey unlabelled. As the paper's Fig. 5; of many removals the first
    ones.

    Args:
        rows: Of ``removed.csv``.
        train: The training images.
        maps: (R, h, w), of the rows: where their scores come from, shown below each.
        bit_depth: What the numbers of deep images mean.
    """
    shown = rows[:MOST_IMAGES]
    each = 1 if maps is None else 2
    lines = each * max(1, math.ceil(len(shown) / COLUMNS))
    figure = Figure(figsize=(1.4 * COLUMNS, 1.65 * lines + 0.5), layout="constrained")
    counts = Counter(_known(row["defect"]) for row in rows)
    told = [f"{counts[kind]} {kind} ({COLOURS[kind][4:]})" for kind in COLOURS if kind in counts]
    of = f", the first {len(shown)} shown" if len(rows) > len(shown) else ""
    figure.suptitle(f"removed: {', '.join(told) or 'nothing'}{of}")
    axes = figure.subplots(lines, COLUMNS, squeeze=False)
    for axis in axes.flatten():
        axis.set_axis_off()
    paths = {sample.name: sample.path for sample in train}
    for i, row in enumerate(shown):
        axis = axes[each * (i // COLUMNS), i % COLUMNS]
        picture = thumbnail(paths[row["path"]], bit_depth=bit_depth)
        axis.imshow(picture)
        if maps is not None:
            below = axes[each * (i // COLUMNS) + 1, i % COLUMNS]
            below.imshow(overlay(np.asarray(picture), stretched(maps[i], picture.size)))
        axis.set_axis_on()
        axis.set(xticks=[], yticks=[])
        for spine in axis.spines.values():
            spine.set(color=COLOURS[_known(row["defect"])], linewidth=3)
        # Names are data: a dollar sign in a folder's name must not start a formula.
        axis.set_title(f"{row['defect']}, r{row['round']}", fontsize=7, parse_math=False)
    return figure


def _known(defect: str) -> str:
    return {GOOD: "normal", UNLABELLED: "unlabelled"}.get(defect, "defective")
