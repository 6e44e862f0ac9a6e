"""A dataset as a run sees it: its readable samples and their groups."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from irp_lightning.data.generated import CATEGORIES, write_category
from irp_lightning.data.groups import find_groups
from irp_lightning.data.ksdd2 import defects_cropped_away, read_ksdd2
from irp_lightning.data.mvtec import read_mvtec
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError

__all__ = ["READERS", "Dataset", "list_samples", "load_dataset"]


@dataclass(frozen=True)
class Dataset:
    """What was read.

    Attributes:
        samples: The readable images.
        groups: The group of each.
        skipped: Images that could not be decoded, with the reason.
        cropped_away: Defective images whose defect the crop cuts away.
    """

    samples: list[Sample]
    groups: list[str]
    skipped: dict[str, str]
    cropped_away: int

    def facts(self) -> dict[str, int]:
        """Counts for the metrics: images, groups, the largest group, skipped, cropped away."""
        return {
            "images": len(self.samples),
            "groups": len(set(self.groups)),
            "largest_group": max(Counter(self.groups).values()),
            "skipped": len(self.skipped),
            "defects_cropped_away": self.cropped_away,
        }

    def remarks(self) -> list[str]:
        """What the user should know, a line each."""
        facts, lines = self.facts(), []
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)} images that cannot be decoded (see manifest.csv)")
        if self.cropped_away:
            lines.append(
                f"data.crop=center cuts the whole defect away in {self.cropped_away} defective "
                "images; data.crop=none keeps them"
            )
        if facts["groups"] < facts["images"]:
            lines.append(
                f"{facts['images']} images in {facts['groups']} groups, "
                f"the largest of {facts['largest_group']}"
            )
        return lines


def list_samples(data: DictConfig) -> list[Sample]:
    """List the images that ``data.reader`` finds, from names (and KSDD2's masks) alone.

    Raises:
        InputError: Something the reader needs is not there.
    """
    return READERS[data.reader](data)


def load_dataset(
    data: DictConfig, samples: list[Sample], unreadable: Callable[[list[Path]], dict[Path, str]]
) -> Dataset:
    """Leave out what cannot be decoded, and find the groups of the rest.

    Args:
        data: The ``data`` part of the configuration.
        samples: What the reader listed.
        unreadable: Names the files that cannot be decoded, with the reason.

    Raises:
        InputError: An image cannot be decoded and ``data.on_bad_image`` is ``error``.
    """
    bad = unreadable([sample.path for sample in samples])
    if bad and data.on_bad_image == "error":
        others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise InputError(
            f"{next(iter(bad.values()))}{others}; mend or remove it, or set data.on_bad_image=skip"
        )
    skipped = {sample.name: bad[sample.path] for sample in samples if sample.path in bad}
    samples = [sample for sample in samples if sample.path not in bad]
    if not samples:
        raise InputError(f"none of the {len(bad)} images under data.root={data.root} can be decoded")
    groups = find_groups(samples, str(data.groups), os.cpu_count() or 1)
    return Dataset(samples, groups, skipped, defects_cropped_away(samples, data.crop))


def _root(data: DictConfig) -> Path:
    return Path(str(data.root)).expanduser()


def _generated(data: DictConfig) -> list[Sample]:
    if data.category not in CATEGORIES:
        raise InputError(
            f"data.category={data.category} is not generated; choose one of: {', '.join(CATEGORIES)}"
        )
    try:
        write_category(_root(data), data.category)
    except OSError as error:
        raise InputError(
            f"data.root={data.root} cannot be written ({error.strerror}); set data.root or cache_dir "
            "to a folder for the generated images"
        ) from error
    return read_mvtec(_root(data), data.category)


READERS: dict[str, Callable[[DictConfig], list[Sample]]] = {
    "mvtec": lambda data: read_mvtec(_root(data), str(data.category)),
    "ksdd2": lambda data: read_ksdd2(_root(data)),
    "generated": _generated,
}
