"""Train image anomaly detectors on data that nobody has cleaned.

What the package offers is imported when it is used: ``from irp_lightning import clean``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irp_lightning.api import Cleaning, Detector, clean, fit

__all__ = ["Cleaning", "Detector", "__version__", "clean", "fit"]

__version__ = "0.1.0"

OFFERED = {"Cleaning": "api", "Detector": "api", "clean": "api", "fit": "api"}
"""Names and the modules that define them."""


def __getattr__(name: str) -> Any:
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{OFFERED[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
