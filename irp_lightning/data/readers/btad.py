"""Reader for BTAD, the beanTech Anomaly Detection dataset (BTech).

Mishra, Verk, Fornasier, Piciarelli, Foresti: *VT-ADL: a vision transformer network for image anomaly
detection and localization*, ISIE 2021.
"""

from irp_lightning.data.config import DataConfig
from irp_lightning.data.readers.mvtec import category_folder, read_category
from irp_lightning.data.samples import Reading

__all__ = ["read"]

LAYOUT = "ROOT/{01,02,03}/train/ok, test/{ok,ko}, ground_truth/ko"
SOURCE = (
    "Set data.download=true, or download avires.dimi.uniud.it/papers/btad/btad.zip and unpack it (the "
    "folder is BTech_Dataset_transformed)"
)


def read(data: DataConfig) -> Reading:
    """List the images of ``data.category``; those of ``ok`` are normal.

    Raises:
        InputError: The root, the category or its training images are missing; two images have one mask.
    """
    return read_category(category_folder(data, LAYOUT, SOURCE), data, LAYOUT, good="ok")
