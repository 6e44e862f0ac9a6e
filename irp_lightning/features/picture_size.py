"""Check of the picture size before extraction."""

from irp_lightning.features.config import BackboneConfig, is_own
from irp_lightning.features.memory import check_memory
from irp_lightning.features.networks import smallest_image
from irp_lightning.foundation.errors import WrongValue

__all__ = ["check_image_size", "is_tried"]


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


def is_tried(backbone: BackboneConfig) -> bool:
    """Check whether a backbone's smallest picture is not known before one is tried."""
    own = is_own(backbone.name, backbone.library)
    return own or backbone.library == "timm" or bool(backbone.layers)
