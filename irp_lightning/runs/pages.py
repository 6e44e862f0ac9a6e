"""Pages that need no other file and no network."""

import base64
import io
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from irp_lightning import __version__

__all__ = ["Filters", "jpeg_uri", "render_page"]

Filters = Mapping[str, Callable[..., Any]]
"""What a page calls on its data, by name."""


def render_page(package: str, name: str, filters: Filters | None = None, **content: Any) -> str:
    """A page of one of the project's packages.

    Args:
        package: Holds ``NAME.html``, and the ``NAME.css`` and ``NAME.js`` that go into it.
        name: What they are called.
        filters: That the page uses.
        content: What it is made of: data, which are escaped.
    """
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters or {})
    return environment.get_template(f"{name}.html").render(
        style=_source(environment, f"{name}.css"),
        script=_source(environment, f"{name}.js"),
        version=__version__,
        today=date.today().isoformat(),
        **content,
    )


def jpeg_uri(picture: Image.Image, quality: int) -> str:
    """A picture as an address that holds it."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _source(environment: Environment, name: str) -> Markup:
    # Ours, not data: it goes into the page as it is.
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])
