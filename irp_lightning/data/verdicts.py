"""What somebody who looked at images says of them: ``review.csv``."""

import csv
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import WrongValue

__all__ = ["DEFECTIVE", "NORMAL", "read_verdicts"]

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
    try:
        with Path(file).open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            reader = csv.DictReader(stream)
            if not {"path", "verdict"} <= set(reader.fieldnames or ()):
                reason = f"has the columns {reader.fieldnames}; it needs path and verdict"
                raise WrongValue("review", file, reason)
            for number, row in enumerate(reader, start=2):
                path, verdict = row["path"] or "", (row["verdict"] or "").strip().lower()
                if verdict not in (NORMAL, DEFECTIVE):
                    reason = f"says {verdict!r} in line {number}; say {NORMAL} or {DEFECTIVE}"
                    raise WrongValue("review", file, reason)
                if path not in position:
                    reason = f"names {path} in line {number}, which is no training image; take it out"
                    raise WrongValue("review", file, reason)
                found[position[path]] = verdict == DEFECTIVE
    except (OSError, csv.Error) as error:
        raise WrongValue("review", file, f"cannot be read ({error}); give review.csv") from error
    return found
