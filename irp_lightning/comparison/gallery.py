"""The paper's Fig. 5: removed images of every method and noise level."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from irp_lightning.comparison.curves import Picture
from irp_lightning.comparison.names import percent
from irp_lightning.comparison.photographs import outlined
from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.values import ORACLE, Method
from irp_lightning.foundation.errors import InputError

__all__ = ["CAPTION", "Group", "Removed", "counts", "gallery", "removed_images"]

MOST_IMAGES, MOST_GROUPS, FEW_GROUPS, MOST_OF_A_GROUP = 60, 20, 10, 8

CAPTION = (
    "Training images that were removed, outlined green (normal) or red (defective), the defects of "
    "their masks circled in red. Normal and defective ones take turns, as do the runs; the first "
    "removed come first. So the pictures show no proportions: the numbers beside them do."
)


@dataclass(frozen=True)
class Removed:
    """One removed image.

    Attributes:
        run: Whose it is.
        label: 1 for a defective image, 0 for a normal one.
        defect: The kind of defect.
        name: Its path in the dataset.
        round: When it was removed.
    """

    run: Run
    label: int
    defect: str
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
        images: Those shown, with their thumbnails.
    """

    title: str
    good: int
    bad: int
    runs: int
    images: Sequence[tuple[Removed, Image.Image]]


def removed_images(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Choose images by a fixed rule and make their thumbnails.

    Normal and defective ones take turns, and so do the runs of a group; each in the order of removal.
    The oracle is left out: it removes by the label.

    Returns:
        The groups, by method and noise, and a line each where some are left out, and where photographs
        are not found.
    """
    grouped: dict[tuple[Method, float], list[Run]] = defaultdict(list)
    for run in runs:
        if run.method != ORACLE and run.removed_bad + run.removed_good:
            grouped[run.method, run.noise].append(run)
    keys = _spread(sorted(grouped))
    most = min(MOST_OF_A_GROUP, max(1, MOST_IMAGES // max(1, len(keys))))
    search: Counter[str] = Counter()
    groups = [_group(f"{key[0]}, noise {percent(key[1])}", grouped[key], most, search) for key in keys]
    remarks = []
    if len(keys) < len(grouped):
        remarks.append(f"Fig. 5 shows {len(keys)} of {len(grouped)} methods and noise levels.")
    looked_for = f"of {search['wanted']} photographs looked for"
    if search["gone"]:
        those = [run for group in grouped.values() for run in group]
        roots = sorted({str(run.record.config["data"]["root"]) for run in those})
        remarks.append(
            f"{search['gone']} {looked_for} no longer exist or cannot be read "
            f"(data.root: {', '.join(roots[:3])})"
        )
    if search["unknown"]:
        remarks.append(
            f"{search['unknown']} {looked_for} have no file in their run's manifest.csv (the run is "
            "of an older version, or they were outside data.root)"
        )
    return [group for group in groups if group.images], remarks


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
            for axis, (image, picture) in zip(axes, group.images, strict=False):
                axis.imshow(picture)
                title = _short(f"{image.run.category}: {image.defect}")
                axis.set_title(title, fontsize=6.5, pad=2)
    return Picture("fig5", "Fig. 5: removed images", CAPTION, figure)


def counts(group: Group) -> str:
    """Number of images in a group, in words."""
    runs = "one run" if group.runs == 1 else f"{group.runs} runs"
    return f"{group.bad} defective and {group.good} normal removed in {runs}"


def _spread(keys: list[tuple[Method, float]]) -> list[tuple[Method, float]]:
    """Of many methods and noise levels: every method, at levels that lie apart, the highest first."""
    methods = list(dict.fromkeys(method for method, _ in keys))[:MOST_GROUPS]
    levels = sorted({noise for _, noise in keys})
    most = max(1, FEW_GROUPS // max(1, len(methods)))
    if most < len(levels):
        last = len(levels) - 1
        levels = [levels[round(last - i)] for i in np.linspace(0, last, most + 1)[:-1]]
    return [key for key in keys if key[0] in methods and key[1] in levels]


def _group(title: str, runs: Sequence[Run], most: int, search: Counter[str]) -> Group:
    images: list[tuple[Removed, Image.Image]] = []
    for removed in islice(_in_turns(runs), 3 * most):
        if len(images) == most:
            break
        picture = _picture(removed, search)
        if picture is not None:
            images.append((removed, picture))
    good, bad = sum(run.removed_good for run in runs), sum(run.removed_bad for run in runs)
    return Group(title, good, bad, len(runs), images)


def _in_turns(runs: Sequence[Run]) -> Iterator[Removed]:
    """The removed images of some runs, each image once."""
    queues = []
    for run in sorted(runs, key=lambda run: (run.seed, run.category, str(run.folder))):
        rows = _read(run)
        queues.append([[row for row in rows if row.label], [row for row in rows if not row.label]])
    kinds = [_round_robin([queue[kind] for queue in queues]) for kind in (0, 1)]
    seen = set()
    for removed in _round_robin(kinds):
        image = removed.run.dataset, removed.run.category, removed.name
        if image not in seen:
            seen.add(image)
            yield removed


def _round_robin(queues: Sequence[Sequence[Removed]]) -> list[Removed]:
    turns = zip_longest(*queues)
    return [removed for turn in turns for removed in turn if removed is not None]


def _read(run: Run) -> list[Removed]:
    try:
        return [
            Removed(run, int(row["label"]), row["defect"] or "", row["path"] or "", row["round"] or "")
            for row in run.record.removed()
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # a damaged table ends the gallery of its run, not the page


def _picture(removed: Removed, search: Counter[str]) -> Image.Image | None:
    search["wanted"] += 1
    photo = removed.run.record.photograph(removed.name)
    if photo is None:
        search["unknown"] += 1
        return None
    try:
        if photo.path.is_file():  # or torch would be imported in vain
            return outlined(photo, bool(removed.label))
    except InputError:
        pass
    search["gone"] += 1
    return None


def _short(words: str, most: int = 24) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
