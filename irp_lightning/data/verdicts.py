"""What somebody who looked at images says of them: ``review.csv``."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.data.samples import Sample
from irp_lightning.data.tables import read_table
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.names import printable

__all__ = ["DEFECTIVE", "NORMAL", "read_verdicts", "verdicts_digest"]

NORMAL, DEFECTIVE = "normal", "defective"


def read_verdicts(file: str, samples: Sequence[Sample]) -> dict[int, bool]:
    """Verdicts on some images.

    Args:
        file: A CSV with the columns ``path``, as tables call images, and ``verdict``, ``normal`` or
            ``defective``; a later row of one image counts.
        samples: The images that they may be of.

    Returns:
        By position in ``samples``: whether the image is defective.

    Raises:
        WrongValue: There is no such file, it has other columns or words, or names an image that is not
            among these.
    """
    position = {sample.name: i for i, sample in enumerate(samples)}
    found: dict[int, bool] = {}
    rows = read_table("review", Path(file), ("path", "verdict"), "review.csv, as the report saves it")
    for line, row in rows:
        path, verdict = printable(row["path"]), row["verdict"].strip().lower()
        if verdict not in (NORMAL, DEFECTIVE):
            reason = f"says {verdict!r} in line {line}; say {NORMAL} or {DEFECTIVE}"
            raise WrongValue("review", file, reason)
        if path not in position:
            reason = f"names {path} in line {line}, which is no training image; take it out"
            raise WrongValue("review", file, reason)
        found[position[path]] = verdict == DEFECTIVE
    return found


def verdicts_digest(file: str) -> str:
    """Sixteen hexadecimal digits for what a review says, whatever its name and the order of its rows.

    Raises:
        WrongValue: There is no such file, or it has other columns.
    """
    rows = read_table("review", Path(file), ("path", "verdict"), "review.csv, as the report saves it")
    said = {printable(row["path"]): row["verdict"].strip().lower() for _, row in rows}
    return hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()[:16]
