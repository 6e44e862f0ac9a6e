"""All tables and figures on one HTML page that needs no other file and no network."""

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from irp_lightning import __version__
from irp_lightning.comparison.curves import Picture
from irp_lightning.comparison.export import save_svg
from irp_lightning.comparison.gallery import Group, counts
from irp_lightning.comparison.table import Table

__all__ = ["Content", "link_to", "render"]

JPEG_QUALITY = 82


@dataclass(frozen=True)
class Content:
    """What the page shows.

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
    environment = Environment(
        loader=PackageLoader("irp_lightning.comparison", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"svg": _svg, "jpeg": _jpeg, "counts": counts}
    return environment.get_template("page.html").render(
        content=content,
        style=_source(environment, "page.css"),
        script=_source(environment, "page.js"),
        version=__version__,
        today=date.today().isoformat(),
    )


def link_to(folder: Path, page: Path) -> str:
    """The address of a run folder, relative to the page's folder."""
    return quote(Path(os.path.relpath(folder.resolve(), page.resolve())).as_posix()) + "/"


def _source(environment: Environment, name: str) -> Markup:
    # Ours, not data: it goes into the page as it is.
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _svg(picture: Picture) -> str:
    stream = io.BytesIO()
    save_svg(picture.figure, stream)
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _jpeg(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
