"""Input of a Python caller: images, and arguments in place of overrides."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from irp_lightning.data.files.in_memory import GivenImage, as_files, as_list
from irp_lightning.data.samples import UNLABELLED, Reading, Sample
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.names import printable
from irp_lightning.pipeline.cleaned_folder import (
    resolved,
)

__all__ = ["ARGUMENTS", "IN_MEMORY", "given_images", "limits", "report"]

logger = logging.getLogger("irp_lightning")

IN_MEMORY = ["+experiment=folder", "features.cache=memory", "data.on_bad_image=error"]
"""Overrides where nothing is written: features stay in memory, and an image that is damaged is named."""

ARGUMENTS = {
    "data.root": "images={}",
    "data.groups": "groups={}",
    "data.max_pixels": "max_pixels={}",
    "false_alarms": "false_alarms={}",
    "review": "review={}",
    "sweep.force": "force=True",
    "hydra.run.dir": "out={}",
}
"""How messages write the keys that the functions here have arguments for."""


def limits(max_pixels: int, device: str) -> list[str]:
    """Arguments as overrides; ``auto`` leaves the device to the caller's own overrides."""
    return [
        f"data.max_pixels={max_pixels}",
        *([] if device == "auto" else [f"trainer.accelerator={device}"]),
    ]


def given_images(
    images: GivenImage | Iterable[GivenImage],
) -> tuple[dict[str, GivenImage] | None, Reading | None, str]:
    """Images by name, as samples, and a root; of a folder or a table the root alone."""
    if isinstance(images, str | Path):
        root = resolved(Path(images))
        if not root.exists():
            raise InputError(
                f"{printable(images)} is not there; give a folder of photographs, or images"
            )
        return None, None, str(root)
    given = as_list(images)
    files = as_files(given)
    if not files:
        raise InputError("there are no images; give files, PIL pictures or uint8 arrays")
    names = [printable(file) for file in files]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is given twice; give each image once")
    samples = [Sample(file, name, "train", UNLABELLED) for file, name in zip(files, names, strict=True)]
    return dict(zip(names, given, strict=True)), Reading(samples), "."


def report(line: str) -> None:
    """Report remarks: a warning where figures would be false, else a log line."""
    if line.startswith("! "):
        warnings.warn(line.removeprefix("! "), stacklevel=4)
    else:
        logger.info(line)
