"""Default folder of a dataset, and the message if it is missing."""

import os
from collections.abc import Mapping
from pathlib import Path

from irp_lightning.data.files.listing import sub_folders
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.spelling import spelt, spelt_key

__all__ = ["VARIABLE", "check_place", "default_root", "root_folder"]

VARIABLE = "IRP_DATA"
"""The environment variable that names a folder of datasets, or one dataset's."""

HERE = "datasets"
"""Where anomalib keeps datasets, below the folder that a command is started in."""

MARKS = {
    "MVTecAD": "*/train/good",
    "BTech": "*/train/ok",
    "visa": "split_csv/1cls.csv",
    "MVTec_AD_2": "*/test_public",
    "KolektorSDD2": "train/*_GT.png",
    "MTD": "MT_Free",
}
"""What a dataset's folder holds, by the folder's name; the first four names are anomalib's."""


def default_root(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """The folder of a published dataset where the configuration names none.

    The first that is there of ``datasets/NAME``, ``$IRP_DATA/NAME`` and ``$IRP_DATA``, the last if it
    holds what the dataset does.

    Args:
        name: The folder's.
        environment: Of the process.

    Returns:
        Its path; ``datasets/NAME`` where there is none.
    """
    here = Path(HERE, name)
    # Path.expanduser raises for the home of nobody, which is a folder that is not there.
    shared = Path(os.path.expanduser(environment.get(VARIABLE) or here))  # noqa: PTH111
    for folder in (here, shared / name):
        if folder.is_dir():
            return str(folder)
    holds_it = name in MARKS and next(shared.glob(MARKS[name]), None) is not None
    return str(shared if holds_it else here)


def root_folder(root: str, layout: str, source: str) -> Path:
    """The folder of a dataset.

    Args:
        root: As ``data.root`` gives it.
        layout: What the dataset looks like, for the message.
        source: Where to get it, likewise; a sentence that goes on.

    Raises:
        WrongValue: It is not there.
    """
    folder = Path(root)
    if not folder.is_dir():
        known = os.environ.get(VARIABLE) or "not set"
        raise WrongValue(
            "root",
            root,
            f"is not a folder; looked for {layout}. {source}; then give its folder as "
            f"{spelt_key('data.root')}, or the one that holds it as the environment variable "
            f"{VARIABLE} (now {known})",
        )
    return folder


def check_place(root: Path, mark: str) -> None:
    """Say where the dataset lies if it is one folder further down or up.

    Args:
        root: The folder that was given.
        mark: What it should hold: a path.

    Raises:
        WrongValue: Not it, but a neighbour holds that.
    """
    if (root / mark).exists():
        return
    for other in (*sub_folders(root), root.parent):
        if (other / mark).exists():
            remedy = f"set {spelt('data.root', other)}"
            raise WrongValue("root", root, f"has no {mark}, and {other} has; {remedy}")
