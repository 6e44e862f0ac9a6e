"""The paper's Fig. 5: removed images of every method and noise level."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from irp_lightning.comparison.curves import Picture
from irp_lightning.comparison.labels import Labelled, base_name, method_rank, percent
from irp_lightning.comparison.photographs import photograph, thumbnail
from irp_lightning.foundation.errors import InputError

__all__ = ["Group", "Shown", "counts", "gallery", "removed_images"]

MOST_IMAGES, MOST_GROUPS, FEW_GROUPS, MOST_OF_A_GROUP = 60, 20, 10, 8

_Key = tuple[tuple[int, str], float]  # of a method, with its rank, and the noise


@dataclass(frozen=True)
class Shown:
    """One removed image.

    Attributes:
        picture: Its thumbnail.
        label: 1 for a defective image, 0 for a normal one.
        defect: The kind of defect.
        category: Its class.
        name: Its path in the dataset.
        round: When it was removed.
    """

    picture: Image.Image
    label: int
    defect: str
    category: str
    name: str
    round: str


@dataclass(frozen=True)
class Group:
    """Some of the images that a method removed at a noise level.

    Attributes:
        title: Method and noise.
        good: How many normal images were removed, in all its runs.
        bad: How many defective ones were.
        runs: How many runs that is of.
        images: Those shown.
    """

    title: str
    good: int
    bad: int
    runs: int
    images: Sequence[Shown]


@dataclass(frozen=True)
class _Removed:
    run: Labelled
    label: int
    defect: str
    name: str
    round: str


def removed_images(runs: Sequence[Labelled]) -> tuple[list[Group], list[str]]:
    """Choose images by a fixed rule and make their thumbnails.

    Normal and defective ones take turns, and so do the runs of a group; each in the order of removal.
    The oracle is left out: it removes by the label.

    Returns:
        The groups, by method and noise, and a line each where some are left out, and where photographs
        are not where the runs found them.
    """
    grouped: dict[_Key, list[Labelled]] = defaultdict(list)
    for run in runs:
        if base_name(run.method) != "oracle" and run.run.removed_bad + run.run.removed_good:
            grouped[method_rank(run.method), run.run.noise].append(run)
    keys = _spread(sorted(grouped))
    groups, wanted, absent = [], 0, 0
    for key in keys:
        (_, method), noise = key
        most = min(MOST_OF_A_GROUP, max(1, MOST_IMAGES // len(keys)))
        images: list[Shown] = []
        for removed in islice(_in_turns(grouped[key]), 3 * most):
            if len(images) == most:
                break
            wanted += 1
            shown = _show(removed)
            if shown is None:
                absent += 1
            else:
                images.append(shown)
        good = sum(run.run.removed_good for run in grouped[key])
        bad = sum(run.run.removed_bad for run in grouped[key])
        if images:
            title = f"{method}, noise {percent(noise)}"
            groups.append(Group(title, good, bad, len(grouped[key]), images))
    remarks = []
    if len(keys) < len(grouped):
        remarks.append(f"{len(keys)} of {len(grouped)} methods and noise levels are shown.")
    if absent:
        example = sorted({run.run.root for group in grouped.values() for run in group})
        remarks.append(
            f"{absent} of {wanted} photographs looked for are not there any more or cannot be read "
            f"(data.root: {', '.join(example[:3])})"
        )
    return groups, remarks


def gallery(groups: Sequence[Group]) -> Picture | None:
    """Fig. 5 as one figure; None where there is nothing to show."""
    if not groups:
        return None
    columns = max(len(group.images) for group in groups)
    with matplotlib.rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(1.35 * columns + 0.4, 1.75 * len(groups)), layout="constrained")
        parts = figure.subfigures(len(groups), 1, squeeze=False).flatten()
        for part, group in zip(parts, groups, strict=True):
            part.suptitle(f"{group.title}: {counts(group)}", fontsize=8, x=0.01, ha="left")
            axes = part.subplots(1, columns, squeeze=False).flatten()
            for axis in axes:
                axis.set_axis_off()
            for axis, image in zip(axes, group.images, strict=False):
                axis.imshow(image.picture)
                axis.set_title(_short(f"{image.category}: {image.defect}", 24), fontsize=6.5, pad=2)
    return Picture("fig5", "Fig. 5: removed images", CAPTION, figure)


CAPTION = (
    "Training images that were removed, outlined green (normal) or red (defective), the defects of "
    "their masks circled in red. Normal and defective ones take turns, as do the runs; the first "
    "removed come first. So the pictures show no proportions: the numbers beside them do."
)


def _spread(keys: list[_Key]) -> list[_Key]:
    """Of many methods and noise levels: every method, at levels that lie apart, the highest first."""
    methods = list(dict.fromkeys(method for method, _ in keys))[:MOST_GROUPS]
    levels = sorted({noise for _, noise in keys})
    most = max(1, FEW_GROUPS // max(1, len(methods)))
    if most < len(levels):
        last = len(levels) - 1
        levels = [levels[round(last - i)] for i in np.linspace(0, last, most + 1)[:-1]]
    return [key for key in keys if key[0] in methods and key[1] in levels]


def counts(group: Group) -> str:
    """How many images a group stands for."""
    runs = "one run" if group.runs == 1 else f"{group.runs} runs"
    return f"{group.bad} defective and {group.good} normal removed in {runs}"


def _in_turns(runs: Sequence[Labelled]) -> Iterator[_Removed]:
    """The removed images of some runs, each image once."""
    queues = []
    for run in sorted(runs, key=lambda run: (run.run.seed, run.run.category, str(run.run.folder))):
        rows = list(_read(run))
        queues.append([[row for row in rows if row.label], [row for row in rows if not row.label]])
    kinds = [_round_robin([queue[kind] for queue in queues]) for kind in (0, 1)]
    seen = set()
    for removed in _round_robin(kinds):
        image = removed.run.dataset, removed.run.run.category, removed.name
        if image not in seen:
            seen.add(image)
            yield removed


def _round_robin(queues: Sequence[Sequence[_Removed]]) -> list[_Removed]:
    turns = zip_longest(*queues)
    return [removed for turn in turns for removed in turn if removed is not None]


def _read(run: Labelled) -> Iterator[_Removed]:
    try:
        with (run.run.folder / "removed.csv").open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                yield _Removed(
                    run, int(row["label"]), row["defect"] or "", row["path"] or "", row["round"] or ""
                )
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return  # a damaged table ends the gallery of its run, not the page


def _show(removed: _Removed) -> Shown | None:
    photo = photograph(removed.run.run, removed.name)
    if photo is None:
        return None
    try:
        picture = thumbnail(photo, bool(removed.label))
    except InputError:
        return None
    category = removed.run.run.category
    return Shown(picture, removed.label, removed.defect, category, removed.name, removed.round)


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
