"""Things of a user's that a configuration names as ``module.name``."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from irp_lightning.foundation.errors import WrongValue, one_line

__all__ = ["named_object"]


def named_object(field: str, name: str) -> Any:
    """Import what ``module.name`` names: a function or a class, also of the current folder.

    Args:
        field: The configuration's field that names it, for the message.
        name: With at least one dot.

    Raises:
        WrongValue: The module cannot be imported, or has no such name.
    """
    module, _, attribute = name.rpartition(".")
    try:
        _look_here_for(module.partition(".")[0])
        imported = import_module(module)
    except Exception as error:  # a user's module can fail in any way
        reason = f"cannot be imported ({one_line(error)}); start from the folder that holds {module}"
        raise WrongValue(field, name, reason) from error
    if not hasattr(imported, attribute):
        raise WrongValue(field, name, f"is not there: {module} has no {attribute}")
    return getattr(imported, attribute)


def _look_here_for(package: str) -> None:
    """Look in the current folder, too, for what Python finds nowhere: a command looks beside itself."""
    here = str(Path.cwd())
    if package not in sys.modules and find_spec(package) is None and here not in sys.path:
        sys.path.append(here)
