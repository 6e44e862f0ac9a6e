"""Folders whose names mean that their images are normal, and the question whether they do."""

import re
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.data.samples import GOOD
from irp_lightning.foundation.errors import WrongValue

__all__ = ["check_answer", "is_normal", "means_normal"]

WORDS = frozenset(
    {"good", "normal", "ok", "okay", "io", "free", "pass", "passed", "clean", "healthy", "intact"}
    | {"fine", "flawless", "perfect", "accept", "accepted", "gut", "regular"}
    | {"negative", "negatives", "neg", "0"}  # of a test for defects, and beside 1
)
WITHOUT = re.compile(
    r"(no|non|not|un|without|0|zero)(defect|defective|defects|anomaly|anomalous|damage|damaged|fault|faulty)"
)
AFTER = re.compile(r"(defect|anomaly|damage|fault)s?(free|less)")
AGAIN = re.compile(r"(?<=[a-z])(copy|\d)+$")
"""What stands behind a name that was there: ``ok2``, ``good - Copy``, ``normal (1)``."""


def means_normal(name: str) -> bool:
    """Check whether a folder's name reads as if its images were normal.

    >>> [name for name in ("OK", "defect-free", "good_2", "scratch") if means_normal(name)]
    ['OK', 'defect-free', 'good_2']
    """
    word = AGAIN.sub("", re.sub(r"[^a-z0-9]", "", name.lower()))
    word = word.removesuffix("images").removesuffix("parts")
    return word in WORDS or bool(WITHOUT.fullmatch(word) or AFTER.fullmatch(word))


def is_normal(name: str, answer: Sequence[str] | None) -> bool:
    """Check whether a folder's images count as normal: ``good``, and what ``data.normal`` names."""
    return name == GOOD or name in (answer or ())


def check_answer(
    answer: Sequence[str] | None,
    folders: Sequence[Path],
    category: Path,
    good: str = GOOD,
    prefix: str = "",
) -> None:
    """Ask where it is open whether the images of a folder are normal.

    Args:
        answer: ``data.normal``; None: nothing was said.
        folders: The folders of images, one a kind.
        category: The category's folder.
        good: What the layout itself calls the folders of normal images.
        prefix: How it lets the names of all kinds begin.

    Raises:
        WrongValue: A folder's name means normal and nothing was said; or a folder that was named is not
            there.
    """
    names = [folder.name for folder in folders]
    if answer is None:
        for folder in folders:
            if folder.name not in (GOOD, good) and means_normal(folder.name[len(prefix) :]):
                place = folder.relative_to(category).as_posix()
                raise WrongValue(
                    "normal",
                    "null",
                    f"leaves open whether the images of {place}/ are normal; "
                    f"set data.normal={folder.name} if they are, data.normal={good} if "
                    f"'{folder.name}' is a kind of defect",
                )
    for name in answer or ():
        if name not in (GOOD, good, *names):
            raise WrongValue(
                "normal",
                name,
                f"is not a folder of images in {category}; there are: {', '.join(dict.fromkeys(names))}",
            )
