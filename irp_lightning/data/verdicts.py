"""Labels from a person's review: ``review.csv``."""

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from irp_lightning.data.audit.remarks import Remark, listed, remarked
from irp_lightning.data.files.tables import read_table
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.names import printable

__all__ = ["DEFECTIVE", "NORMAL", "read_verdicts", "verdicts_digest"]

NORMAL, DEFECTIVE = "normal", "defective"

COLUMNS, WANTED = ("path", "verdict"), "review.csv, as the report saves it"


def read_verdicts(file: str, samples: Sequence[Sample]) -> tuple[dict[int, bool], list[Remark]]:
    """Verdicts on some images.

    Args:
        file: A CSV with the columns ``path``, as tables call images, and ``verdict``, ``normal`` or
            ``defective``.
        samples: The images that they may be of.

    Returns:
        By position in ``samples``, whether the image is defective; and remarks on rows that name none of
        the images, such as photographs that are gone, and on columns that are not read.

    Raises:
        WrongValue: There is no such file, it has other columns or words, gives two verdicts on one
            image, or names none of the images.
    """
    path = Path(file)
    position = {sample.name: i for i, sample in enumerate(samples)}
    # A table may come from a system that writes accents in the other way.
    for name, i in list(position.items()):
        position.setdefault(unicodedata.normalize("NFC", name), i)
    found: dict[int, tuple[bool, int]] = {}
    gone = []
    table = read_table("review", path, COLUMNS, WANTED)
    for line, row in table.rows:
        name, verdict = printable(row["path"]), row["verdict"].strip().lower()
        if verdict not in (NORMAL, DEFECTIVE):
            reason = f"has {verdict!r} in line {line}; write {NORMAL} or {DEFECTIVE}"
            raise WrongValue("review", file, reason)
        known = position.get(name, position.get(unicodedata.normalize("NFC", name)))
        if known is None:
            gone.append(name)
            continue
        first, above = found.setdefault(known, (verdict == DEFECTIVE, line))
        if first != (verdict == DEFECTIVE):
            both = (NORMAL, DEFECTIVE)[first], (NORMAL, DEFECTIVE)[not first]
            reason = f"marks {name} {both[0]} in line {above} and {both[1]} in line {line}; keep one"
            raise WrongValue("review", file, reason)
    if gone and not found:
        reason = f"matches none of the training images ({listed(gone)}); its paths must look like"
        raise WrongValue("review", file, f"{reason} {samples[0].name}")
    text = f"{{count}} rows of {path.name} match no training image ({{names}}) and are ignored"
    remarks = [*table.unread(COLUMNS), *remarked("review_rows_unused", gone, text)]
    return {i: defective for i, (defective, _) in found.items()}, remarks


def verdicts_digest(file: str) -> str:
    """Sixteen hexadecimal digits for what a review says, whatever its name and the order of its rows.

    Raises:
        WrongValue: There is no such file, or it has other columns.
    """
    rows = read_table("review", Path(file), COLUMNS, WANTED).rows
    said = {(printable(row["path"]), row["verdict"].strip().lower()) for _, row in rows}
    return hashlib.sha256(repr(sorted(said)).encode()).hexdigest()[:16]
