"""The memory that is free: the machine's, within the limits of a container or a batch job."""

from pathlib import Path

import pytest
from prepared_features import CPU

from irp_lightning.features.memory import free_memory

GIB = 2**30


def write(file: Path, text: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A machine with 100 GiB of memory, 40 of them free."""
    write(tmp_path / "proc/meminfo", f"MemTotal: {100 * 2**20} kB\nMemAvailable: {40 * 2**20} kB")
    return tmp_path


@pytest.mark.parametrize(
    ("cgroup", "group", "names"),
    [
        # As the processes of a container see it, of a batch job, and of one below a limit.
        ("0::/", "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")),
        ("0::/job/7", "sys/fs/cgroup/job/7", ("memory.max", "memory.current", "inactive_file")),
        ("0::/job/7/step", "sys/fs/cgroup/job", ("memory.max", "memory.current", "inactive_file")),
        (
            "5:cpu:/x\n4:memory:/docker/abc\n0::/",
            "sys/fs/cgroup/memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_free_memory_respects_the_limit_of_a_container(
    system: Path, cgroup: str, group: str, names: tuple[str, str, str]
) -> None:
    write(system / "proc/self/cgroup", cgroup)
    assert free_memory(CPU, system) == 40 * GIB
    limit, used, cached = names
    write(system / group / limit, 8 * GIB)
    write(system / group / used, 5 * GIB)
    write(system / group / "memory.stat", f"anon {3 * GIB}\n{cached} {GIB}")
    assert free_memory(CPU, system) == 4 * GIB  # files in memory make way
    write(system / group / limit, 60 * GIB)
    assert free_memory(CPU, system) == 40 * GIB  # the machine has no more


def test_a_group_without_a_limit_limits_nothing(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/")
    write(system / "sys/fs/cgroup/memory.max", "max")
    write(system / "sys/fs/cgroup/memory.current", GIB)
    write(system / "sys/fs/cgroup/memory.stat", f"inactive_file {GIB}")
    assert free_memory(CPU, system) == 40 * GIB


def test_free_memory_without_linuxs_word_is_some(tmp_path: Path) -> None:
    assert free_memory(CPU, tmp_path) > 0
    assert free_memory(CPU) > 0
