"""The feature bank: every feature vector is computed once.

The backbone is frozen, so its output for an image and a set of views never changes. The bank keeps it
on disk, one file per image, in a folder named by everything the features depend on:

    ROOT/<backbone>-<digest of the spec>/spec.json
    ROOT/<backbone>-<digest of the spec>/ab/abcdef….npy

A file's name is the digest of the image's content. It holds a plain ``.npy`` array (V, D) followed by
the digest of those bytes, and comes into being by a rename: it is whole or it is not there. Whatever
fails its digest is thrown away and made again.
"""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from irp_lightning.features.bank_folders import checked, digest, folder_name
from irp_lightning.features.spec import ExtractorSpec
from irp_lightning.foundation.atomic import write_whole
from irp_lightning.foundation.errors import InputError

__all__ = ["FORMAT", "FeatureBank"]

FORMAT = 1
"""Version of the layout above; part of every folder's digest."""


class FeatureBank:
    """Features of one spec, on disk.

    Any number of processes may read and write it at once.

    Args:
        root: The folder that holds the banks of all specs.
        spec: What the features depend on, besides the image.
        dtype: ``"float32"``, or ``"float16"`` for half the size.

    Attributes:
        damaged: How many entries were found damaged, and thrown away, so far.
    """

    def __init__(self, root: Path, spec: ExtractorSpec, dtype: str) -> None:
        self.description = {"format": FORMAT, "dtype": dtype, **spec.described()}
        self.folder = root / folder_name(self.description)
        self.dtype = dtype
        self.damaged = 0
        self._unusable: set[str] = set()

    def file(self, image: str) -> Path:
        """Path of an image's entry, by the digest of the image's content."""
        return self.folder / image[:2] / f"{image}.npy"

    def __contains__(self, image: str) -> bool:
        return image not in self._unusable and self.file(image).is_file()

    def read(self, image: str) -> Tensor | None:
        """The features of an image, (V, D) float32, or None where there is no sound entry.

        A damaged entry is removed, so that it is made again.
        """
        try:
            data = checked(self.file(image).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # not ours to read, or a failing disk
            data = None
        if data is None:
            self.damaged += 1
            try:
                self.file(image).unlink(missing_ok=True)
            except OSError:  # a read-only bank: it stays, and is not used
                self._unusable.add(image)
            return None
        array = np.load(io.BytesIO(data), allow_pickle=False)
        return torch.from_numpy(array.astype(np.float32))

    def rounded(self, features: Tensor) -> Tensor:
        """Features as an entry would give them back: figures do not depend on where features are kept.

        Raises:
            InputError: A value is too large for ``float16``.
        """
        return torch.from_numpy(self._rounded(features).astype(np.float32))

    def _rounded(self, features: Tensor) -> NDArray[np.floating[Any]]:
        values = features.cpu().numpy()
        largest = float(np.abs(values).max(initial=0))
        if largest > float(np.finfo(self.dtype).max):
            raise InputError(
                f"dtype={self.dtype} cannot hold a feature of {largest:.4g}, this backbone's; set "
                "patches.dtype or features.dtype, whichever it is, to float32"
            )
        return values.astype(self.dtype)

    def write(self, image: str, features: Tensor) -> None:
        """Keep the features of an image, (V, D).

        Raises:
            InputError: A value is too large for ``float16``.
            OSError: The disk is full or the folder cannot be written; nothing is left behind.
        """
        values = self._rounded(features)
        description = self.folder / "spec.json"
        if not description.exists():
            text = json.dumps(self.description, indent=1)
            write_whole(description, lambda partial: partial.write_bytes(text.encode()))
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        array = buffer.getvalue()
        data = array + digest(array)
        # Not synced: an entry that a power failure has emptied fails its digest.
        write_whole(self.file(image), lambda partial: partial.write_bytes(data), sync=False)

    def mark_used(self) -> None:
        """Note that a run uses this bank now, so that pruning can tell those nobody needs."""
        with contextlib.suppress(OSError):  # not there yet, or read-only
            os.utime(self.folder / "spec.json")

    def images(self) -> Iterator[str]:
        """The digests of the images that have an entry."""
        return (file.stem for file in self.folder.glob("??/[!.]*.npy"))
