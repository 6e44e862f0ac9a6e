"""Digest of an image file's content, which identifies images and features."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from irp_lightning.data.files.listing import image_files

__all__ = ["content_hash", "content_hashes", "masks_digest", "set_digest"]

DIGEST_SIZE = 16
"""Bytes of a digest."""


def content_hash(path: Path) -> str:
    """Digest of a file's content: 32 hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=DIGEST_SIZE)).hexdigest()


def content_hashes(paths: Sequence[Path]) -> dict[Path, str]:
    """The digest of each file's content; files that cannot be read are left out."""

    def digest(path: Path) -> str | None:
        try:
            return content_hash(path)
        except OSError:
            return None

    with ThreadPoolExecutor() as pool:
        found = zip(paths, pool.map(digest, paths), strict=True)
        return {path: value for path, value in found if value is not None}


def set_digest(images: Iterable[tuple[str, int]]) -> str:
    """One digest of many images, in whatever order and wherever they lie.

    Args:
        images: The digest of each one's file, and its label.
    """
    return _digest(f"{digest} {label}" for digest, label in images)


def masks_digest(images: Iterable[tuple[str, Path | None]]) -> str:
    """One digest of the masks of many images, in whatever order and wherever they lie.

    Args:
        images: The digest of each one's file, and its mask: a file, a folder of parts, or none.
    """
    parts = [
        (digest, image_files(mask) if mask and mask.is_dir() else [mask] if mask else [])
        for digest, mask in images
    ]
    found = content_hashes([file for _, files in parts for file in files])
    return _digest(
        " ".join([digest, *sorted(found.get(file, "") for file in files)]) for digest, files in parts
    )


def _digest(lines: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=DIGEST_SIZE).hexdigest()
