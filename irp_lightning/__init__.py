"""Train image anomaly detectors on data that nobody has cleaned.

What the package offers is imported when it is used: ``from irp_lightning import clean``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irp_lightning.api import Cleaning, Detector, Removal, clean, fit, refine

__all__ = ["Cleaning", "Detector", "Removal", "__version__", "clean", "fit", "refine"]

__version__ = "0.1.0"

OFFERED = ("Cleaning", "Detector", "Removal", "clean", "fit", "refine")
"""What is imported from :mod:`irp_lightning.api`."""


def __getattr__(name: str) -> Any:
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
