"""Survey of a dataset's folder: files listed and hashed, headers and masks read, no image decoded."""

import inspect
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from irp_lightning.data.audit.confounds import confound_remarks
from irp_lightning.data.audit.duplicates import duplicate_remarks
from irp_lightning.data.audit.mask_checks import check_masks
from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.data.config import DataConfig
from irp_lightning.data.fetch.download import fetch
from irp_lightning.data.files.content import content_hashes
from irp_lightning.data.files.headers import Header, bounded_header
from irp_lightning.data.samples import Reading, Sample, checked_samples
from irp_lightning.foundation.errors import InputError, WrongValue, one_line
from irp_lightning.foundation.plugins import named_object

__all__ = ["Survey", "list_images", "survey"]


@dataclass(frozen=True)
class Survey:
    """Result of a survey.

    Attributes:
        samples: All images, those that cannot be opened too.
        hashes: The digest of each one's file; None where it cannot be read.
        headers: The header of each; None where it has none.
        bad: Images that cannot be opened or are too large, by name, with the reason.
        cropped_away: Defective images whose defect the crop cuts away.
        remarks: What the user should know.
    """

    samples: list[Sample]
    hashes: list[str | None]
    headers: list[Header | None]
    bad: dict[str, str]
    cropped_away: int
    remarks: list[Remark]


def list_images(data: DataConfig) -> Reading:
    """List a dataset's images, and open none.

    Raises:
        WrongValue: Something the reader needs is not there, or no image is.
    """
    if data.download:
        fetch(data)
    reading = checked_samples(_read(data), data.reader, data.split)
    if not reading.samples:
        raise WrongValue("reader", data.reader, f"finds no images in {data.root}")
    return reading


def survey(data: DataConfig, reading: Reading | None = None) -> Survey:
    """Read all of a dataset's images but the pixels.

    Args:
        data: How they are read.
        reading: The images; None: those of :func:`list_images`.

    Raises:
        WrongValue: Something the reader needs is not there, or no image is.
        InputError: A mask cannot be read or is of another aspect ratio than its image.
    """
    reading = reading or list_images(data)
    paths = [sample.path for sample in reading.samples]
    found = content_hashes(paths)
    hashes = [found.get(path) for path in paths]
    with ThreadPoolExecutor() as pool:
        tried = list(pool.map(lambda path: _header(path, data.max_pixels), paths))
    bad = {
        sample.name: problem
        for sample, problem in zip(reading.samples, tried, strict=True)
        if isinstance(problem, str)
    }
    headers = [None if isinstance(header, str) else header for header in tried]
    readable = [sample for sample in reading.samples if sample.name not in bad]
    masks = check_masks(readable, data.crop, data.max_pixels)
    checked = {sample.name: sample for sample in masks.samples}
    samples = [checked.get(sample.name, sample) for sample in reading.samples]
    known = [i for i, digest in enumerate(hashes) if digest]
    remarks = [
        *reading.remarks,
        *masks.remarks,
        *_paged(samples, headers),
        *confound_remarks(samples, headers),
        *duplicate_remarks([samples[i] for i in known], [str(hashes[i]) for i in known], data.split),
    ]
    text = f"crop={data.crop} crops out the whole defect in {{count}} images; crop=none keeps them"
    remarks += remarked("defects_cropped_away", masks.cropped_away, text)
    return Survey(samples, hashes, headers, bad, len(masks.cropped_away), remarks)


def _header(path: Path, max_pixels: int) -> Header | str:
    try:
        return bounded_header(path, max_pixels, "data.max_pixels=")
    except InputError as error:
        return str(error)


def _paged(samples: list[Sample], headers: list[Header | None]) -> list[Remark]:
    both = zip(samples, headers, strict=True)
    paged = [sample.name for sample, header in both if header is not None and header.pages > 1]
    text = "{count} images have several pages ({names}); the first of each is read"
    return remarked("pages", paged, text, falsifies=True)


def _read(data: DataConfig) -> Any:
    """What one of ``readers/`` gives, or the user's."""
    if "." not in data.reader:
        return import_module(f"irp_lightning.data.readers.{data.reader}").read(data)
    reader = named_object("reader", data.reader)
    wanted = "name one that takes data and lists samples; see docs/extending.md"
    if not callable(reader):
        raise WrongValue("reader", data.reader, f"is not a function; {wanted}")
    try:
        inspect.signature(reader).bind(data)
    except ValueError:  # some built-in ones have no signature
        pass
    except TypeError as error:
        reason = f"does not take the group data alone ({one_line(error)}); {wanted}"
        raise WrongValue("reader", data.reader, reason) from error
    return reader(data)
