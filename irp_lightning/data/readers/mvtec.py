"""Reader for MVTec-AD and for any folder in its layout.

Bergmann, Fauser, Sattlegger, Steger: *MVTec AD, a comprehensive real-world dataset for unsupervised
anomaly detection*, CVPR 2019.
"""

from pathlib import Path

from irp_lightning.data.config import DataConfig
from irp_lightning.data.samples import GOOD, Sample, image_files
from irp_lightning.foundation.errors import InputError, WrongValue

__all__ = ["read"]

LAYOUT = "ROOT/CATEGORY/train/good/*.png, test/<defect or good>/*.png, ground_truth/<defect>/*_mask.png"


def read(data: DataConfig) -> list[Sample]:
    """List the images of ``data.category``, one of the folders in ``data.root``.

    Returns:
        The samples, sorted by name: training images first, then test images.

    Raises:
        InputError: The root, the category or its training images are missing.
    """
    root = Path(data.root)
    if not root.is_dir():
        raise WrongValue(
            "root",
            root,
            f"is not a folder; looked for {LAYOUT}. Download 'MVTec AD' from the page "
            "www.mvtec.com/company/research/datasets/mvtec-ad, unpack it and give its folder",
        )
    folder = root / data.category
    if not folder.is_dir():
        found = sorted(p.name for p in root.iterdir() if (p / "train" / GOOD).is_dir())
        choice = f"choose one of: {', '.join(found)}" if found else f"no category is: expected {LAYOUT}"
        raise WrongValue("category", data.category, f"is not in {root}; {choice}")
    train = image_files(folder / "train" / GOOD)
    if not train:
        raise InputError(
            f"{folder / 'train' / GOOD} holds no images; training needs normal images there ({LAYOUT})"
        )
    samples = [Sample(path, _name(path, folder), "train") for path in train]
    for kind in sorted(p for p in (folder / "test").glob("[!.]*") if p.is_dir()):
        for path in image_files(kind):
            mask = folder / "ground_truth" / kind.name / f"{path.stem}_mask.png"
            samples.append(
                Sample(path, _name(path, folder), "test", kind.name, mask if mask.is_file() else None)
            )
    return samples


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
