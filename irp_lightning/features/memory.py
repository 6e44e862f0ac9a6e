"""Available memory of this machine, a container or batch job, and a GPU."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch

from irp_lightning.foundation.errors import WrongValue

__all__ = ["VIEWS_PER_PASS", "check_memory", "free_memory", "machine_memory", "place_for"]

VIEWS_PER_PASS = {"cpu": 8, "cuda": 256}
"""Views that go through the backbone at once: enough to keep the device busy, little memory."""

CGROUP_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
CGROUP_2 = ("memory.max", "memory.current", "inactive_file")
"""A control group's files of its limit and of what is used, and ``memory.stat``'s word for files."""


def check_memory(image_size: int) -> None:
    """Check that views of a size fit into the machine's memory, with nothing else in it.

    Raises:
        WrongValue: They do not.
    """
    views = VIEWS_PER_PASS["cpu"]
    needed, there = views * 3 * 4 * image_size**2, machine_memory()
    if needed > there:
        raise WrongValue(
            "image_size",
            image_size,
            f"is too large: {views} views take {needed / 1e9:.0f} GB, and there are "
            f"{there / 1e9:.0f}; take a smaller one",
        )


def machine_memory() -> int:
    """Bytes of main memory, free or not."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def place_for(size: int, device: torch.device, limit: float | None) -> torch.device | None:
    """The device if so many bytes fit there, else the CPU if they fit there, else None."""
    for place in dict.fromkeys((device, torch.device("cpu"))):
        if size <= (free_memory(place) / 2 if limit is None else limit * 2**30):
            return place
    return None


def free_memory(device: torch.device, system: Path = Path("/")) -> float:
    """Available memory in bytes; half of the total where /proc/meminfo is missing.

    Args:
        device: A GPU, or the CPU: main memory, within the limits of a container or a batch job.
        system: Where Linux tells.
    """
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        lines = (system / "proc/meminfo").read_text().splitlines()
        free = next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
    except (OSError, StopIteration):
        free = 0.5 * machine_memory()
    return min([free, *_left_in_groups(system)])


def _left_in_groups(system: Path) -> Iterator[float]:
    """Bytes that the control groups which this process is in leave it, those with a limit."""
    try:
        lines = (system / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            root, files = system / "sys/fs/cgroup/memory", CGROUP_1
        elif not controllers:
            root, files = system / "sys/fs/cgroup", CGROUP_2
        else:
            continue
        # A group above may have the limit, and a container sees its own one as the root.
        names = Path(path).parts[1:]
        for n in range(len(names) + 1):
            with suppress(OSError, ValueError):  # no such group, or its limit is "max"
                yield _left(root.joinpath(*names[:n]), *files)


def _left(group: Path, limit: str, used: str, cached: str) -> float:
    most, taken = int((group / limit).read_text()), int((group / used).read_text())
    # What files leave in memory counts as used, and goes when it is needed.
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return most - taken + int(stat.get(cached, 0))
