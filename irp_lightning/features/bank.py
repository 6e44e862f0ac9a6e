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
import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from irp_lightning.features.extractor import ExtractorSpec

__all__ = [
    "DTYPES",
    "FORMAT",
    "PARTIAL_SUFFIX",
    "FeatureBank",
    "content_hash",
    "content_hashes",
    "folder_name",
    "is_sound",
]

FORMAT = 1
"""Version of the layout above; part of every folder's digest."""

DTYPES = {"float32": np.float32, "float16": np.float16}

PARTIAL_SUFFIX = ".part"
"""Of files that are being written."""

_DIGEST_SIZE = 16


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_SIZE).digest()


def folder_name(description: Mapping[str, Any]) -> str:
    """The name of the folder that holds the features of a spec: the content of its ``spec.json``."""
    text = json.dumps(description, sort_keys=True)
    return f"{description['backbone']}-{_digest(text.encode()).hex()}"


def content_hash(path: Path) -> str:
    """Digest of a file's content: 32 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=_DIGEST_SIZE)).hexdigest()


def is_sound(file: Path) -> bool:
    """Whether an entry can be read and its bytes match their digest."""
    try:
        return _checked(file.read_bytes()) is not None
    except OSError:
        return False


def _checked(data: bytes) -> bytes | None:
    """The array's bytes if they match the digest that follows them."""
    array, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    return array if _digest(array) == digest else None


def content_hashes(paths: Sequence[Path]) -> dict[Path, str]:
    """The digest of each file's content; files that cannot be read are left out."""

    def digest(path: Path) -> str | None:
        try:
            return content_hash(path)
        except OSError:
            return None

    # Hashing and reading let go of the interpreter lock.
    with ThreadPoolExecutor() as pool:
        return {path: h for path, h in zip(paths, pool.map(digest, paths), strict=True) if h}


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
        self.description = {"format": FORMAT, "dtype": dtype, **asdict(spec)}
        self.folder = root / folder_name(self.description)
        self.dtype = dtype
        self.damaged = 0
        self._unusable: set[str] = set()

    def file(self, image: str) -> Path:
        """Where the entry of an image lies, by the digest of the image's content."""
        return self.folder / image[:2] / f"{image}.npy"

    def __contains__(self, image: str) -> bool:
        return image not in self._unusable and self.file(image).is_file()

    def read(self, image: str) -> Tensor | None:
        """The features of an image, (V, D) float32, or None where there is no sound entry.

        A damaged entry is removed, so that it is made again.
        """
        try:
            data = _checked(self.file(image).read_bytes())
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

    def write(self, image: str, features: Tensor) -> None:
        """Keep the features of an image, (V, D).

        Raises:
            OSError: The disk is full or the folder cannot be written; nothing is left behind.
        """
        file = self.file(image)
        file.parent.mkdir(parents=True, exist_ok=True)
        description = self.folder / "spec.json"
        if not description.exists():
            _write_atomically(description, json.dumps(self.description, indent=1).encode())
        buffer = io.BytesIO()
        np.save(buffer, features.cpu().numpy().astype(DTYPES[self.dtype]), allow_pickle=False)
        array = buffer.getvalue()
        _write_atomically(file, array + _digest(array))

    def mark_used(self) -> None:
        """Note that a run uses this bank now, so that pruning can tell those nobody needs."""
        with contextlib.suppress(OSError):  # not there yet, or read-only
            os.utime(self.folder / "spec.json")

    def images(self) -> Iterator[str]:
        """The digests of the images that have an entry."""
        return (file.stem for file in self.folder.glob("??/*.npy"))


def _write_atomically(file: Path, data: bytes) -> None:
    partial = file.with_name(f".{file.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}")
    try:
        partial.write_bytes(data)
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
