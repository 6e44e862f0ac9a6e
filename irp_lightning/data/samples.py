"""One image of a dataset, as a reader found it on disk."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irp_lightning.data.remarks import Remark
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["GOOD", "SIDES", "UNLABELLED", "Reading", "Sample", "checked_samples"]

GOOD = "good"
"""The defect name of a normal image, as in the MVTec-AD folders."""

UNLABELLED = "unlabelled"
"""Likewise of an image of which nobody knows; it counts as normal where one must be said."""

SIDES = ("train", "test")


@dataclass(frozen=True)
class Sample:
    """One image and what is known of it.

    Attributes:
        path: The file.
        name: Its path relative to the dataset (with ``/``): how tables and manifests call it.
        side: The side of the published split it lies on: ``"train"`` or ``"test"``.
        defect: The kind of defect, ``"good"`` for a normal image.
        mask: The file of the defect's pixel mask, where there is one; or a folder of files that each
            hold a part of it.
        trusted: Whether somebody says that a training image is normal, so that it stays.
    """

    path: Path
    name: str
    side: str
    defect: str = GOOD
    mask: Path | None = None
    trusted: bool = False

    @property
    def label(self) -> int:
        """1 for a defective image, 0 for a normal one, and one of which nobody knows."""
        return int(self.defect not in (GOOD, UNLABELLED))


@dataclass(frozen=True)
class Reading:
    """What a reader gives: the images, and what the user should know of them."""

    samples: list[Sample]
    remarks: list[Remark] = field(default_factory=list)


def checked_samples(found: Any, reader: str, split: str) -> Reading:
    """What a reader gave: its names tell images apart, and there is something to train on.

    Args:
        found: A :class:`Reading`; or samples, in a list or one after another.
        reader: Its name, for the message.
        split: ``published`` or ``grouped``.

    Raises:
        WrongValue: It is something else.
        InputError: Two files cannot be told apart in a table.
    """

    def refuse(reason: str) -> WrongValue:
        return WrongValue("reader", reader, f"{reason}; see docs/extending.md")

    remarks = []
    if isinstance(found, Reading):
        found, remarks = found.samples, found.remarks
    try:
        samples = list(found)
    except TypeError as error:
        raise refuse(f"gives a {type(found).__name__}, not a list of samples") from error
    for sample in samples:
        if not isinstance(sample, Sample):
            raise refuse(f"gives a {type(sample).__name__} ({str(sample)[:80]}), not a Sample")
        if not isinstance(sample.path, Path) or not isinstance(sample.mask, Path | None):
            raise refuse(f"gives {sample.name} a path or mask that is no pathlib.Path")
        if not isinstance(sample.defect, str) or not isinstance(sample.name, str):
            raise refuse(f"gives {sample.name} a name or defect that is no text ({sample.defect!r})")
        if sample.side not in SIDES:
            raise refuse(f"puts {sample.name} on the side {sample.side!r}; there are train and test")
    names = Counter(sample.name for sample in samples)
    if samples and (most := names.most_common(1)[0])[1] > 1:
        if "\\x" in most[0]:  # as names that are no UTF-8 are written
            raise InputError(
                f"{most[1]} images are written {most[0]}: a name that is no UTF-8, and one with a "
                "backslash; rename one"
            )
        raise refuse(f"calls {most[1]} images {most[0]}; names must tell them apart")
    if samples and not any(s.label == 0 and (s.side == "train" or split == "grouped") for s in samples):
        kinds = Counter(f"{sample.side}/{sample.defect}" for sample in samples)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(6))
        raise refuse(f"finds no train/good image to train on, but {told}")
    return Reading(samples, remarks)
