"""Small folders in published layouts: what is read of them, and what is said."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irp_lightning.data.audit.survey import survey
from irp_lightning.data.config import DataConfig
from irp_lightning.data.samples import Reading, Sample
from irp_lightning.foundation.errors import InputError

FIRST = {"btad": "01", "visa": "candle", "mvtec_ad2": "can", "mtd": "magnetic_tile"}
"""A category of each dataset."""


def config(reader: str, root: Path, category: str | None = None, **others: object) -> DataConfig:
    chosen = category or FIRST[reader]
    return DataConfig(reader, str(root), chosen, "published", "none", 64, "none", "error", **others)


def read(reader: str, root: Path, category: str | None = None, **others: object) -> Reading:
    """As a run reads it: masks are looked into, too."""
    found = survey(config(reader, root, category, **others))
    assert not found.bad
    return Reading(found.samples, found.remarks)


def refusal(reader: str, root: Path, category: str | None = None, **others: object) -> str:
    with pytest.raises(InputError) as caught:
        survey(config(reader, root, category, **others))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(root: Path, *names: str, spot: int = 0) -> None:
    """Images that all differ; with a ``spot`` masks that mark a pixel with that value."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        seed = list(str(file).encode())
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 8), dtype=np.uint8)
        if spot:
            pixels = np.zeros((12, 8), dtype=np.uint8)
            pixels[3, 4] = spot
        Image.fromarray(pixels).save(file)


def kinds(samples: list[Sample]) -> Counter[str]:
    return Counter(f"{sample.side}/{sample.defect}" for sample in samples)


def masks(root: Path, samples: list[Sample]) -> dict[str, str]:
    """The masks that were found, relative to the root, by image."""
    return {s.name: s.mask.relative_to(root).as_posix() for s in samples if s.mask}


def remarks(reading: Reading) -> dict[str, int]:
    return {remark.kind: remark.count for remark in reading.remarks}


def split_csv(
    root: Path, rows: list[tuple[str, ...]], header: str = "object,split,label,image,mask"
) -> None:
    (root / "split_csv").mkdir(parents=True, exist_ok=True)
    with (root / "split_csv/1cls.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([header.split(","), *rows])


def visa_rows(category: str) -> list[tuple[str, ...]]:
    images, truth = f"{category}/Data/Images", f"{category}/Data/Masks/Anomaly"
    return [
        (category, "test", "anomaly", f"{images}/Anomaly/000.JPG", f"{truth}/000.png"),
        (category, "test", "anomaly", f"{images}/Anomaly/001.JPG", f"{truth}/001.png"),
        (category, "test", "normal", f"{images}/Normal/0001.JPG", ""),
        (category, "train", "normal", f"{images}/Normal/0002.JPG", ""),
        (category, "train", "normal", f"{images}/Normal/0000.JPG", ""),
    ]
