"""Groups of images that show the same physical object.

Repeated shots of one part must not stand on both sides of a split: the detector would then be tested
on parts it was trained on. Groups come from a file, or are found from the images alone.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy.sparse import coo_array, csgraph
from torch import Tensor

from irp_lightning.data.audit.duplicates import identical
from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.files.images import fit_square, load_rgb
from irp_lightning.data.files.tables import Table, read_table
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.names import printable

__all__ = [
    "connected_components",
    "find_groups",
    "fold_groups",
    "join_identical",
    "near_duplicates",
    "read_groups",
    "thumbnail",
    "unnamed_rows",
]

COLUMNS = ("path", "group")
"""Of a file of groups."""

THUMBNAIL = 96
"""Side of the thumbnails that are compared, in pixels."""

CORRELATIONS = (0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Two thumbnails that correlate more than this show the same object: the first of these that makes no
group of more than ``LARGEST`` of all images, or than ``FEW``."""

LARGEST, FEW = 0.02, 6
"""Parts of one shape in one fixture look alike: chained by that, most of MVTec-AD's capsules were one
group."""

BLUR = 3
"""Radius of the blur that is subtracted, in pixels: exposure and shading go, structure stays."""

MARGIN = 8
"""Border left out of the comparison, in pixels: the outline of a part is alike on all parts, and
would chain them together."""


def find_groups(
    samples: list[Sample], source: str, threads: int, bit_depth: BitDepth | None = None
) -> list[str]:
    """The group of each sample.

    Args:
        samples: The images of a dataset.
        source: ``"none"`` (each image is a group of its own), ``"auto"`` (near-duplicates, found
            without labels) or the path of a CSV file ``path,group``.
        threads: How many images to decode at once.
        bit_depth: What the numbers of deep images mean.

    Returns:
        One group name per sample.

    Raises:
        WrongValue: The file is missing or wrong, names none of the samples, or one in two groups.
    """
    if source == "none":
        return [sample.name for sample in samples]
    if source == "auto":
        with ThreadPoolExecutor(max(1, threads)) as pool:
            thumbnails = torch.stack(list(pool.map(lambda s: thumbnail(s.path, bit_depth), samples)))
        return [f"auto-{g:04d}" for g in near_duplicates(thumbnails)]
    return read_groups(samples, Path(source).expanduser())


def join_identical(groups: list[str], hashes: Sequence[str]) -> list[str]:
    """Make one group of those that hold identical files, by the name of the first.

    Args:
        groups: The group of each image.
        hashes: The digest of each one's file.
    """
    names = list(dict.fromkeys(groups))
    number = {name: i for i, name in enumerate(names)}
    pairs = [
        (number[groups[first]], number[groups[other]])
        for first, *others in identical(hashes)
        for other in others
    ]
    if not pairs:
        return groups
    component = connected_components(len(names), pairs)
    first_of: dict[int, str] = {}
    for name, joined in zip(names, component, strict=True):
        first_of.setdefault(joined, name)
    return [first_of[component[number[group]]] for group in groups]


def fold_groups(
    samples: list[Sample],
    known: list[str],
    hashes: Sequence[str],
    source: str,
    bit_depth: BitDepth | None = None,
) -> list[int]:
    """The groups that folds keep together.

    Where ``source`` is ``"none"`` near-duplicates are found in the pictures: two photographs of one part
    in different folds would give each other away. Identical files are one group in any case.

    Args:
        samples: The training images.
        known: The group of each, as found when the images were read; identical files share theirs.
        hashes: The digest of each file.
        source: How ``known`` was found, see :func:`find_groups`.
        bit_depth: What the numbers of deep images mean.

    Returns:
        A number for each image, from 0 in order of first appearance.
    """
    if source == "none":
        known = join_identical(find_groups(samples, "auto", os.cpu_count() or 1, bit_depth), hashes)
    return _numbered(known)


def read_groups(samples: list[Sample], file: Path) -> list[str]:
    """Groups from a CSV file with the columns ``path`` (relative to the category) and ``group``.

    An image that the file does not name, or names without a group, is a group of its own.
    """
    groups: dict[str, str] = {}
    for line, path, group in _rows(_table(file)):
        if not group:
            continue
        if groups.setdefault(path, f"file-{group}") != f"file-{group}":
            reason = f"puts {path} into two groups, the second ({group}) in line {line}"
            raise WrongValue("groups", file, f"{reason}; keep one of the rows")
    names = [_composed(sample.name) for sample in samples]
    if groups.keys().isdisjoint(names):
        reason = f"matches none of the images; its paths must look like {samples[0].name}"
        raise WrongValue("groups", file, reason)
    return [groups.get(name, sample.name) for name, sample in zip(names, samples, strict=True)]


def unnamed_rows(samples: list[Sample], source: str) -> list[Remark]:
    """Report the rows of a groups' file that name no image, and the columns that are not read."""
    if source in ("none", "auto"):
        return []
    names = {_composed(sample.name) for sample in samples}
    table = _table(Path(source))
    unknown = [path for _, path, _ in _rows(table) if path not in names]
    text = f"{{count}} rows of {Path(source).name} match no image ({{names}})"
    return [*table.unread(COLUMNS), *remarked("group_rows_unused", unknown, text)]


def _composed(name: str) -> str:
    """Systems write accents in two ways; a table may come from another one than the files."""
    return unicodedata.normalize("NFC", name)


def _table(file: Path) -> Table:
    return read_table("groups", file, COLUMNS, "none, auto or a CSV path,group")


def _rows(table: Table) -> list[tuple[int, str, str]]:
    """The line, the path and the group of each row, as tables call images."""
    return [
        (line, _composed(printable(row["path"])), printable(row["group"].strip()))
        for line, row in table.rows
    ]


def thumbnail(path: Path, bit_depth: BitDepth | None = None) -> Tensor:
    """What is compared of an image: (80 · 80,), the high-passed greys inside the margin."""
    grey = fit_square(
        load_rgb(path, bit_depth).convert("L"), THUMBNAIL, "none", Image.Resampling.BILINEAR
    )
    smooth = grey.filter(ImageFilter.GaussianBlur(BLUR))
    detail = torch.from_numpy(np.asarray(grey, np.float32) - np.asarray(smooth, np.float32))
    return detail[MARGIN:-MARGIN, MARGIN:-MARGIN].flatten()


def near_duplicates(thumbnails: Tensor) -> list[int]:
    """Group thumbnails whose normalised correlation exceeds a threshold, directly or by a chain.

    The threshold rises where it makes too large groups (``CORRELATIONS``); where even the highest does,
    they are large indeed, and the lowest counts.

    The mean thumbnail is taken away first: parts photographed in one fixture all share its
    structure, and that alone does not make two of them the same part. (So a set in which *all*
    images show one part falls apart; a dataset is expected to hold many.)

    Args:
        thumbnails: (N, P), any scale.

    Returns:
        A group number per row, counted from 0 in order of first appearance.
    """
    unit = _unit_rows(thumbnails)
    if len(unit) > 2:
        # After scaling each row: a brighter shot would keep more of the shared structure otherwise.
        unit = _unit_rows(unit - unit.mean(0))
    pairs: list[tuple[int, int]] = []
    alike: list[float] = []
    # In blocks: all pairs at once would take memory with the square of the number of images.
    for start in range(0, len(unit), 1024):
        correlations = unit[start : start + 1024] @ unit.T
        near = (correlations > CORRELATIONS[0]).triu(start + 1)
        pairs += [(start + i, j) for i, j in near.nonzero().tolist()]
        alike += correlations[near].tolist()
    found = []
    for threshold in CORRELATIONS:
        found.append(
            connected_components(
                len(unit), [p for p, c in zip(pairs, alike, strict=True) if c > threshold]
            )
        )
        if max(Counter(found[-1]).values(), default=0) <= max(FEW, LARGEST * len(unit)):
            return found[-1]
    return found[0]


def _unit_rows(rows: Tensor) -> Tensor:
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-6)


def connected_components(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Number the connected components of a graph on ``count`` nodes, by first appearance."""
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), (count, count))
    return _numbered(csgraph.connected_components(graph, directed=False)[1].tolist())


def _numbered(names: list[Any]) -> list[int]:
    """Numbers in place of names, from 0 in order of first appearance."""
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return [number[name] for name in names]
