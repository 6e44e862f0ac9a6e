"""Reader for generated images: draws a category where it is not there yet."""

from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.generated.category import CATEGORIES, write_category
from irp_lightning.data.readers import mvtec
from irp_lightning.data.samples import Reading
from irp_lightning.foundation.errors import WrongValue

__all__ = ["read"]


def read(data: DataConfig) -> Reading:
    """List the images of ``data.category`` in ``data.root``; generates them at the first call.

    Raises:
        WrongValue: The category is none of those that can be generated, or the root cannot be written.
    """
    if data.category not in CATEGORIES:
        raise WrongValue(
            "category", data.category, f"is not generated; choose one of: {', '.join(CATEGORIES)}"
        )
    try:
        write_category(Path(data.root), data.category)
    except OSError as error:
        raise WrongValue(
            "root",
            data.root,
            f"cannot be written ({error.strerror}); set it, or cache_dir, to a folder for the "
            "generated images",
        ) from error
    return mvtec.read(data)
