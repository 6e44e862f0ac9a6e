"""Things of a user's that a configuration names as ``module.name``."""

import sys
from importlib import import_module
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
    here = str(Path.cwd())
    # An installed command looks beside itself, and not where it is called, where a user's modules are.
    if not module.startswith("irp_lightning.") and here not in sys.path:
        sys.path.append(here)
    try:
        imported = import_module(module)
    except Exception as error:  # a user's module can fail in any way
        reason = f"cannot be imported ({one_line(error)}); start from the folder that holds {module}"
        raise WrongValue(field, name, reason) from error
    if not hasattr(imported, attribute):
        raise WrongValue(field, name, f"is not there: {module} has no {attribute}")
    return getattr(imported, attribute)
