"""Which images show the same physical object.

Repeated shots of one part must not stand on both sides of a split: the detector would then be tested
on parts it was trained on. Groups come from a file, or are found from the images alone.
"""

import csv
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from irp_lightning.data.images import fit_square, load_rgb
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError

__all__ = ["connected_components", "find_groups", "near_duplicates", "read_groups", "thumbnail"]

THUMBNAIL = 96
"""Side of the thumbnails that are compared, in pixels."""

CORRELATION = 0.65
"""Two thumbnails that correlate more than this show the same object."""

BLUR = 3
"""Radius of the blur that is subtracted, in pixels: exposure and shading go, structure stays."""

MARGIN = 8
"""Border left out of the comparison, in pixels: the outline of a part is alike on all parts, and
would chain them together."""


def find_groups(samples: list[Sample], source: str, threads: int) -> list[str]:
    """The group of each sample.

    Args:
        samples: The images of a dataset.
        source: ``"none"`` (each image is a group of its own), ``"auto"`` (near-duplicates, found
            without labels) or the path of a CSV file ``path,group``.
        threads: How many images to decode at once.

    Returns:
        One group name per sample.

    Raises:
        InputError: The file is missing, has other columns, or names none of the samples.
    """
    if source == "none":
        return [sample.name for sample in samples]
    if source == "auto":
        with ThreadPoolExecutor(max(1, threads)) as pool:
            thumbnails = torch.stack(list(pool.map(lambda s: thumbnail(s.path), samples)))
        return [f"auto-{g:04d}" for g in near_duplicates(thumbnails)]
    return read_groups(samples, Path(source).expanduser())


def read_groups(samples: list[Sample], file: Path) -> list[str]:
    """Groups from a CSV file with the columns ``path`` (relative to the category) and ``group``.

    An image that the file does not name, or names without a group, is a group of its own.
    """
    if not file.is_file():
        raise InputError(f"data.groups={file} is not a file; give none, auto or a CSV path,group")
    # utf-8-sig: spreadsheets put a mark in front. Names that are no UTF-8 match no image.
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        reader = csv.DictReader(stream)
        if not {"path", "group"} <= set(reader.fieldnames or ()):
            raise InputError(
                f"data.groups={file} has the columns {reader.fieldnames}; it needs path and group"
            )
        groups = {row["path"]: f"file-{row['group']}" for row in reader if row["group"]}
    if not any(sample.name in groups for sample in samples):
        raise InputError(
            f"data.groups={file} names none of the images; its paths must look like {samples[0].name}"
        )
    return [groups.get(sample.name, sample.name) for sample in samples]


def thumbnail(path: Path) -> Tensor:
    """What is compared of an image: (80 · 80,), the high-passed greys inside the margin."""
    grey = fit_square(load_rgb(path).convert("L"), THUMBNAIL, "none", Image.Resampling.BILINEAR)
    smooth = grey.filter(ImageFilter.GaussianBlur(BLUR))
    detail = torch.from_numpy(np.asarray(grey, np.float32) - np.asarray(smooth, np.float32))
    return detail[MARGIN:-MARGIN, MARGIN:-MARGIN].flatten()


def near_duplicates(thumbnails: Tensor, threshold: float = CORRELATION) -> list[int]:
    """Group thumbnails whose normalised correlation exceeds a threshold, directly or by a chain.

    The mean thumbnail is taken away first: parts photographed in one fixture all share its
    structure, and that alone does not make two of them the same part. (So a set in which *all*
    images show one part falls apart; a dataset is expected to hold many.)

    Args:
        thumbnails: (N, P), any scale.
        threshold: In [-1, 1].

    Returns:
        A group number per row, counted from 0 in order of first appearance.
    """
    unit = _unit_rows(thumbnails)
    if len(unit) > 2:
        # After scaling each row: a brighter shot would keep more of the shared structure otherwise.
        unit = _unit_rows(unit - unit.mean(0))
    pairs = []
    # In blocks: all pairs at once would take memory with the square of the number of images.
    for start in range(0, len(unit), 1024):
        block = unit[start : start + 1024] @ unit.T
        for i, j in (block > threshold).nonzero().tolist():
            if start + i < j:
                pairs.append((start + i, j))
    return connected_components(len(unit), pairs)


def _unit_rows(rows: Tensor) -> Tensor:
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-6)


def connected_components(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Number the connected components of a graph on ``count`` nodes, by first appearance."""
    neighbours: dict[int, list[int]] = defaultdict(list)
    for i, j in pairs:
        neighbours[i].append(j)
        neighbours[j].append(i)
    component = [-1] * count
    number = 0
    for node in range(count):
        if component[node] >= 0:
            continue
        stack = [node]
        component[node] = number
        while stack:
            for other in neighbours[stack.pop()]:
                if component[other] < 0:
                    component[other] = number
                    stack.append(other)
        number += 1
    return component
