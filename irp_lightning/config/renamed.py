"""Keys of the command line that older versions spelt in another way."""

from irp_lightning.foundation.errors import InputError

__all__ = ["check_renamed"]

NODES = {"refine.scoring": "refine/scoring", "refine.rule": "refine/rule"}
"""What was a name is a group of its own now."""

RENAMED = {
    **NODES,
    "refine.k": "refine.rule.k",
    **{
        f"refine.{name}": f"refine.scoring.{name}"
        for name in ("folds", "grid", "views", "references", "bank_share", "round_epochs", "retrain")
    },
    "refine.backbone": "refine.scoring.backbone",
    "backbone@refine.backbone": "backbone@refine.scoring.backbone",
}
"""By the older key, with all that is below it."""


def check_renamed(override: str) -> None:
    """Refuse a key that is spelt in another way now, and give its new spelling.

    Raises:
        InputError: It is.
    """
    key, _, value = override.partition("=")
    old = key.lstrip("+~")
    known = next((k for k in RENAMED if old == k or old.startswith(f"{k}.")), None)
    if known is None or (known in NODES and old != known):
        return
    own = known in NODES and "." in value
    new = f"{RENAMED[known]}=custom {known}._target_" if own else RENAMED[known] + old[len(known) :]
    raise InputError(f"{override} is spelt {new}={value} now; write it so")
