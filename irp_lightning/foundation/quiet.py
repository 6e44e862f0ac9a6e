"""Silence for what libraries say about things that are as they should be here."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from irp_lightning.foundation.interrupts import until_it_is_imported

__all__ = ["at_level", "quiet"]

LIBRARIES = ("lightning.pytorch", "lightning.fabric")

MEANT = (
    ".*does not have many workers.*",
    ".*CSVLogger.*|.*Experiment logs directory.*",
    ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
    ".*configure_optimizers` returned `None`.*",  # detectors that one pass fits
    ".*training_step` returned `None`.*",  # they, too
    ".*not been set for this class \\(_ResultMetric\\).*",
    ".*`srun` command is available.*",  # a sweep's launcher submits jobs, not srun
)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning inside; afterwards warnings and levels of logging are what they were."""
    with until_it_is_imported():
        import lightning.pytorch  # noqa: F401 (it sets its own levels when it is imported)

    with warnings.catch_warnings(), at_level(logging.WARNING, *LIBRARIES):
        for message in MEANT:
            warnings.filterwarnings("ignore", message)
        yield


@contextmanager
def at_level(level: int, *loggers: str) -> Iterator[None]:
    """Log from a level on; afterwards the loggers have the levels they had."""
    before = [(logger, logger.level) for logger in map(logging.getLogger, loggers)]
    for logger, _ in before:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, was in before:
            logger.setLevel(was)
