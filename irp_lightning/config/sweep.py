"""A sweep as a whole: group ``sweep`` of the configuration."""

from dataclasses import dataclass

from irp_lightning.foundation.fields import choice, flag, nothing, text

__all__ = ["SweepConfig"]


@dataclass(frozen=True)
class SweepConfig:
    """Settings shared by all cells of a sweep.

    Attributes:
        name: Of its folder.
        force: Compute again what is complete.
        command: When the command was given: what it forced once it does not force again.
        objective: The figure of ``metrics.json`` that a sweeper which searches maximises. Every
            one looks at the test labels.
    """

    name: str = text(says=nothing)
    force: bool = flag(says=nothing)
    command: str = text(says=nothing)
    objective: str = choice("image_auroc", "image_ap", "pixel_auroc", "aupro", says=nothing)
