"""All tables and figures on one HTML page that needs no other file and no network."""

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from irp_lightning.comparison.curves import Picture
from irp_lightning.comparison.export import save_svg
from irp_lightning.comparison.gallery import Group, counts
from irp_lightning.comparison.table import Table
from irp_lightning.runs.pages import Filters, jpeg_uri, render_page

__all__ = ["Content", "link_to", "render"]

JPEG_QUALITY = 82


@dataclass(frozen=True)
class Content:
    """Content of the page.

    Attributes:
        title: Its heading: the sweep's name.
        facts: Names and values of what was compared, for the head of the page.
        results: Tables of results, in order.
        curves: Figures 3 and 4.
        gallery: Figure 5's groups, and its caption.
        remarks: Lines on what makes runs less comparable than they look, and on what is not shown.
        unusable: Runs that are not compared.
        runs: All runs that are.
        caption: Of the gallery.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    results: Sequence[Table]
    curves: Sequence[Picture]
    gallery: Sequence[Group]
    caption: str
    remarks: Sequence[str]
    unusable: Table
    runs: Table


def render(content: Content) -> str:
    """The page.

    Every name in it is data and is escaped; pictures are inside it.
    """
    filters: Filters = {"svg": _svg, "jpeg": partial(jpeg_uri, quality=JPEG_QUALITY), "counts": counts}
    return render_page("irp_lightning.comparison", "page", filters, content=content)


def link_to(folder: Path, page: Path) -> str:
    """The address of a run folder, relative to the page's folder."""
    return quote(Path(os.path.relpath(folder.resolve(), page.resolve())).as_posix()) + "/"


def _svg(picture: Picture) -> str:
    stream = io.BytesIO()
    save_svg(picture.figure, stream)
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode()}"
