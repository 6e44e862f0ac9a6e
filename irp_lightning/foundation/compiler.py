"""Check that torch.compile works on this machine."""

import os
import shutil

import torch

from irp_lightning.foundation.errors import WrongValue

__all__ = ["check_compiler"]


def check_compiler() -> None:
    """Check that there is what ``torch.compile`` calls on a CPU.

    Raises:
        WrongValue: There is no C++ compiler.
    """
    compiler = os.environ.get("CXX", "g++")
    if not torch.cuda.is_available() and shutil.which(compiler) is None:
        raise WrongValue(
            "compile",
            "true",
            f"needs a C++ compiler, and {compiler} is missing; install one, or set false",
        )
