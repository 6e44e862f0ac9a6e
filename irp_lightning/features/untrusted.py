"""Checks of files of tensors from anywhere: what they claim is no more than they hold.

They come before anything is built: a file of a few kilobytes may name sizes that take all memory, or
work that never ends.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Damaged", "check_archive", "check_fit", "check_tensors", "check_values"]

MOST = 1_000_000
"""Plain values of a file and characters in them: what describes a detector has some hundreds."""


class Damaged(ValueError):
    """What is wrong with a file, in a few words."""


def check_archive(file: Path) -> None:
    """Check that a file unpacks to no more than itself, as PyTorch's do.

    Raises:
        Damaged: It is no archive, is compressed, its parts overlap, or one does not match its checksum.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Damaged("no archive of PyTorch's") from error
    size = file.stat().st_size
    packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
    if packed or sum(part.file_size for part in parts) > size:
        raise Damaged(f"it unpacks to more than its {size} bytes")
    with zipfile.ZipFile(file) as archive:
        # PyTorch does not ask whether a part is as it was written: scores would be others.
        if (part := archive.testzip()) is not None:
            raise Damaged(f"{part} is not as it was written")


def check_values(values: Any) -> None:
    """Check that plain values, in lists and mappings, are few and short.

    A small file may hold lists of lists that share their members: each counts as often as it is met.

    Raises:
        Damaged: They are not.
    """
    left, count = [values], 0
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            count += 2 * len(value)
        elif isinstance(value, str | bytes | list | tuple | set | frozenset):
            count += len(value)
        elif isinstance(value, int) and abs(value) >= 2**63:
            raise Damaged("a whole number of more than 64 bits")
        count += 1
        if count > MOST:
            raise Damaged(f"more than {MOST} values")
        if isinstance(value, Mapping):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            left += value


def check_tensors(state: Any, size: int) -> None:
    """Check that the tensors of a state hold what they seem to hold.

    Args:
        state: By name.
        size: Bytes of the file that they come from. Tied weights are once in it, and twice in the state.

    Raises:
        Damaged: One repeats a few numbers, or is sparse, or all together are more than the file.
    """
    if not isinstance(state, Mapping):
        raise Damaged("a state that is no mapping")
    total = 0
    for name, tensor in state.items():
        plain = isinstance(tensor, Tensor) and tensor.layout == torch.strided
        if not isinstance(name, str) or not plain or tensor.device.type != "cpu":
            raise Damaged("a state that holds something else than plain tensors")
        claimed = tensor.numel() * tensor.element_size()
        total += claimed
        if claimed > tensor.untyped_storage().nbytes() or total > 2 * size:
            raise Damaged(f"{name[:80]} of shape {tuple(tensor.shape)}, which the file does not hold")


def check_fit(outline: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Check that a state is one of a module's, by a copy of the module that takes no memory.

    Args:
        outline: The module, made on the device ``meta``; it may take its sizes from the state.
        state: Its parameters and buffers.

    Raises:
        Damaged: A name or a shape is another.
    """
    try:
        outline.to("meta").load_state_dict({name: tensor.to("meta") for name, tensor in state.items()})
    except RuntimeError as error:
        raise Damaged("a state of other names or sizes than its class has") from error
