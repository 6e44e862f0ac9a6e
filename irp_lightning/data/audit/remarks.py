"""What a reader, or what comes after it, has to say about the images: nothing is left out in silence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from irp_lightning.foundation.names import printable

__all__ = ["Remark", "listed", "remark_rows", "remarked"]


@dataclass(frozen=True)
class Remark:
    """One thing that the user should know of the images.

    Attributes:
        kind: What it is about, a word or two with ``_``: by it tables count.
        count: How many images, files or pairs it is about.
        text: One line: what was found, and what to do about it.
        falsifies: Figures of such images would say something else than they seem to.
    """

    kind: str
    count: int
    text: str
    falsifies: bool = False


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first of some names, and how many more there are.

    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(names) - most
    return ", ".join(map(printable, names[:most])) + (f" and {more} more" if more > 0 else "")


def remarked(kind: str, names: Sequence[str], text: str, *, falsifies: bool = False) -> list[Remark]:
    """One remark on some images, files or folders; none where there are none.

    Args:
        kind: As of :class:`Remark`.
        names: What it is about.
        text: Likewise; with ``{count}`` and ``{names}``, which names the first.
        falsifies: Likewise.
    """
    if not names:
        return []
    told = text.replace("{count}", str(len(names))).replace("{names}", listed(names))
    return [Remark(kind, len(names), told, falsifies)]


def remark_rows(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Rows of remarks for ``metrics.json``."""
    return [asdict(remark) for remark in remarks]
