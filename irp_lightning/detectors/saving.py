"""Write tensors to a file."""

from pathlib import Path
from typing import Any

import torch

__all__ = ["save_tensors"]


def save_tensors(contents: Any, file: Path) -> None:
    """``torch.save``; a full disk is an OSError, as it is for every other file.

    PyTorch raises a RuntimeError of its own for a failed write, and loses the system's reason where it
    opens the file itself.

    Args:
        contents: Plain values and tensors.
        file: Where to write them.

    Raises:
        OSError: The file cannot be written.
    """
    with file.open("wb") as stream:
        try:
            torch.save(contents, stream)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
