"""Progress of a removal, kept in the run folder: a stopped run resumes from it."""

from pathlib import Path
from typing import Any

import torch

from irp_lightning.detectors.saving import save_tensors
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.rounds import as_state, from_state

__all__ = ["load_cleaning", "save_cleaning"]


def save_cleaning(cleaning: Cleaning, file: Path) -> None:
    """Write a cleaning as plain values and tensors.

    Raises:
        OSError: The file cannot be written.
    """
    save_tensors({**vars(cleaning), "rounds": as_state(cleaning.rounds)}, file)


def load_cleaning(file: Path | None) -> Cleaning | None:
    """Load the file of :func:`save_cleaning`; None if it is missing or damaged."""
    if file is None:
        return None
    try:
        state: dict[str, Any] = torch.load(file, weights_only=True)
        return Cleaning(**{**state, "rounds": from_state(state["rounds"])})
    except Exception:  # a file that was cut off can fail in any way
        return None
