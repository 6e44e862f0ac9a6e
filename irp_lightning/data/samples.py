"""One image of a dataset, as a reader found it on disk."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.foundation.amounts import counted
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["GOOD", "SIDES", "UNLABELLED", "Reading", "Sample", "checked_samples"]

GOOD = "good"
"""The defect name of a normal image, as in the MVTec-AD folders."""

UNLABELLED = "unlabelled"
"""The defect name of an image that nobody has labelled."""

SIDES = ("train", "test")


@dataclass(frozen=True)
class Sample:
    """One image and what is known of it.

    Attributes:
        path: The file.
        name: Its path relative to the dataset (with ``/``): how tables and manifests call it.
        side: The side of the published split it lies on: ``"train"`` or ``"test"``.
        defect: The kind of defect, ``"good"`` for a normal image, ``"unlabelled"`` where nobody knows.
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
        """1 for a defective image, 0 for a normal or an unlabelled one: for drawing images alone.

        What is written or shown is :attr:`known_label`.
        """
        return int(self.defect not in (GOOD, UNLABELLED))

    @property
    def known_label(self) -> int | None:
        """1 for a defective image, 0 for a normal one, None for an unlabelled one."""
        return None if self.defect == UNLABELLED else self.label


@dataclass(frozen=True)
class Reading:
    """Result of a reader: the images, and remarks for the user."""

    samples: list[Sample]
    remarks: list[Remark] = field(default_factory=list)


def checked_samples(found: Any, reader: str, split: str) -> Reading:
    """What a reader gave: its names tell images apart, and there is something to train on.

    Unlabelled images of the test side are left out: nothing can be tested on them.

    Args:
        found: A :class:`Reading`; or samples, in a list or one after another.
        reader: Its name, for the message.
        split: ``published`` or ``grouped``.

    Raises:
        WrongValue: It is something else, or the split would draw test images from unlabelled ones.
        InputError: Two files cannot be told apart in a table.
    """

    def refuse(reason: str) -> WrongValue:
        return WrongValue("reader", reader, f"{reason}; see docs/extending.md")

    remarks: list[Remark] = []
    if isinstance(found, Reading):
        found, remarks = found.samples, [*found.remarks]
    try:
        samples = list(found)
    except TypeError as error:
        raise refuse(f"gives a {type(found).__name__}, not a list of samples") from error
    for sample in samples:
        if not isinstance(sample, Sample):
            raise refuse(f"gives a {type(sample).__name__} ({str(sample)[:80]}), not a Sample")
        if not isinstance(sample.path, Path) or not isinstance(sample.mask, Path | None):
            raise refuse(f"gives {sample.name} a path or mask that is not a pathlib.Path")
        if not isinstance(sample.defect, str) or not isinstance(sample.name, str):
            raise refuse(f"gives {sample.name} a name or defect that is not text ({sample.defect!r})")
        if sample.side not in SIDES:
            raise refuse(f"puts {sample.name} on the side {sample.side!r}; the sides are train and test")
    idle = [s.name for s in samples if s.side == "test" and s.known_label is None]
    text = f"{counted(len(idle), 'image')} to test on without a label: not read ({{names}})"
    remarks += remarked("unlabelled_tests", idle, text)
    samples = [s for s in samples if s.side == "train" or s.known_label is not None]
    unlabelled = sum(s.known_label is None for s in samples)
    if split == "grouped" and unlabelled:
        reason = f"would test on some of the {unlabelled} unlabelled training images as normal ones"
        raise WrongValue("split", split, f"{reason}; set published")
    names = Counter(sample.name for sample in samples)
    if samples and (most := names.most_common(1)[0])[1] > 1:
        if "\\x" in most[0]:  # as names that are no UTF-8 are written
            raise InputError(
                f"{most[1]} images are written {most[0]}: a name that is no UTF-8, and one with a "
                "backslash; rename one"
            )
        raise refuse(f"calls {most[1]} images {most[0]}; names must be unique")
    if samples and not any(s.label == 0 and (s.side == "train" or split == "grouped") for s in samples):
        kinds = Counter(f"{sample.side}/{sample.defect}" for sample in samples)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(6))
        raise refuse(f"finds no train/good image to train on, but {told}")
    return Reading(samples, remarks)
