"""Whether pictures of a size can be looked at, before one is."""

import os

from irp_lightning.features.config import BackboneConfig, is_own
from irp_lightning.features.networks import smallest_image
from irp_lightning.foundation.errors import WrongValue

__all__ = ["VIEWS_PER_PASS", "check_image_size", "check_memory", "is_tried"]

VIEWS_PER_PASS = {"cpu": 8, "cuda": 256}
"""Views that go through the backbone at once: enough to keep the device busy, little memory."""


def check_image_size(backbone: BackboneConfig, image_size: int) -> None:
    """Check that a backbone can take pictures of a size, without building it or its weights.

    A function of the user's or a network of timm's is tried when the extractor is built; that there is
    no such backbone is said there, too.

    Raises:
        WrongValue: They are too small, or too large for the machine.
    """
    check_memory(image_size)
    if is_tried(backbone):
        return
    try:
        smallest = smallest_image(backbone.name, backbone.n_scales)
    except WrongValue:
        return
    if image_size < smallest:
        raise WrongValue(
            "image_size",
            image_size,
            f"is too small: at the smallest of {backbone.n_scales} scales {backbone.name} needs "
            f"{smallest // 2 ** (backbone.n_scales - 1)} px, so take {smallest} or more",
        )


def check_memory(image_size: int) -> None:
    """Check that views of a size fit into the machine's memory, with nothing else in it.

    Raises:
        WrongValue: They do not.
    """
    needed = VIEWS_PER_PASS["cpu"] * 3 * 4 * image_size**2
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise WrongValue(
            "image_size",
            image_size,
            f"is too large: {VIEWS_PER_PASS['cpu']} views take {needed / 1e9:.0f} GB, and there are "
            f"{there / 1e9:.0f}; take a smaller one",
        )


def is_tried(backbone: BackboneConfig) -> bool:
    """Whether only a picture shows what a backbone takes: its smallest size is not found beforehand."""
    own = is_own(backbone.name, backbone.library)
    return own or backbone.library == "timm" or bool(backbone.layers)
