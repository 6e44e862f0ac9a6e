"""What a sweep costs: steps × seconds a step, a cell's overhead, disk. Pure functions and two readers.

Seconds are measured (``experiments/benchmarks/results``) or, where nobody has, the least that a card's
data sheet allows: that is calculated, and a real card needs more.
"""

import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.tables import read_rows

from irp_lightning.foundation.errors import InputError

__all__ = ["Device", "Work", "cpu", "gigabytes", "h200", "hours", "span", "step_floor"]

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"

MEASURED_VECTORS = 96 * 4
"""Feature vectors in a step of ``training.csv``: batch 96, four views an image."""

H200_BANDWIDTH, H200_FLOPS = 4.8e12, {"fp32": 67e12, "bf16": 989e12}
"""Of the data sheet (SXM): bytes a second, operations a second (float32: without the tensor cores)."""

GIGABYTE = 1e9


@dataclass(frozen=True)
class Work:
    """What one cell does.

    Attributes:
        model: Name of the detector, as in ``training.csv``.
        precision: What its subnets multiply in; of others than flows it means nothing.
        parameters: Of the detector.
        steps: Of the pre-training fit.
        round_steps: Of each round after it, at most: later rounds have fewer images.
        max_rounds: Rounds after the first fit, at most.
        vectors: Feature vectors in a full batch: images × views drawn of each.
        scored_vectors: That one scoring of all training and test images takes.
    """

    model: str
    precision: str
    parameters: int
    steps: int
    round_steps: int
    max_rounds: int
    vectors: int
    scored_vectors: int

    def full_steps(self, rounds: int) -> float:
        """Training steps, and scoring as the steps it is worth, with so many rounds after the first fit.

        A scored vector counts as a third of a trained one: forward without backward. A step of fewer
        images than a batch counts as a full one.
        """
        trained = self.steps + rounds * self.round_steps
        return trained + (rounds + 1) * self.scored_vectors / self.vectors / 3


@dataclass(frozen=True)
class Device:
    """Something that runs cells.

    Attributes:
        name: For tables.
        source: Where its figures come from.
        seconds: Of a step at batch 96, by model and precision; None: calculated.
        overhead: Seconds of a cell beside training and scoring.
        images_per_second: Of extraction; None: not measured, not counted.
        count: How many of it work side by side, each on cells of its own.
    """

    name: str
    source: str
    seconds: dict[tuple[str, str], float] | None
    overhead: float
    images_per_second: float | None
    count: int = 1

    def step(self, work: Work) -> float:
        """Seconds of a full step; no less than the measured one, however small the batch.

        Raises:
            InputError: The model was not measured on this device, or not in this precision.
        """
        if self.seconds is None:
            return step_floor(work.parameters, work.vectors, work.precision)
        measured = (work.model, work.precision)
        if measured not in self.seconds:
            raise InputError(
                f"model={work.model} has no measured step time in {work.precision} on {self.name}; "
                f"measured: {', '.join(map(' in '.join, sorted(self.seconds)))}"
            )
        return self.seconds[measured] * max(1.0, work.vectors / MEASURED_VECTORS)

    def cell(self, work: Work, rounds: int) -> float:
        """Seconds of a cell with so many rounds after its first fit."""
        return self.overhead + self.step(work) * work.full_steps(rounds)


def step_floor(parameters: int, vectors: int, precision: str) -> float:
    """The least seconds that one H200 needs for a step, by its data sheet.

    Two operations a parameter and vector forward, four backward, while parameters are read twice and
    gradients written; then Adam reads four times as many bytes and writes three times as many.
    """
    memory = 4 * parameters / H200_BANDWIDTH
    return max(6 * parameters * vectors / H200_FLOPS[precision], 3 * memory) + 7 * memory


def hours(works: Sequence[Work], device: Device, images: int, most: bool) -> float:
    """Hours of all cells on a device.

    Args:
        works: The cells; at least one.
        device: What runs them.
        images: To extract features of, once for all cells.
        most: With all rounds that there may be; else with none.
    """
    seconds = [device.cell(work, work.max_rounds if most else 0) for work in works]
    extraction = images / device.images_per_second if device.images_per_second else 0.0
    return (max(max(seconds), sum(seconds) / device.count) + extraction) / 3600


def gigabytes(works: Iterable[Work]) -> float:
    """Disk for the checkpoints of finished cells: float32 parameters, one file a cell."""
    return sum(4 * work.parameters for work in works) / GIGABYTE


def span(least: float, most: float) -> str:
    """Two numbers of hours as text: ``30 s to 2 min``, ``12 to 14 days``."""
    low, high = _text(least), _text(most)
    if low == high:
        return low
    return f"{low.split()[0] if low.split()[1] == high.split()[1] else low} to {high}"


def _text(hours: float) -> str:
    units = {"days": 24.0, "h": 1.0, "min": 1 / 60, "s": 1 / 3600}
    unit = next((u for u, per in units.items() if hours >= 2 * per), "s")
    return f"{float(f'{hours / units[unit]:.2g}'):g} {unit}"


def cpu(results: Path = RESULTS) -> Device:
    """Two CPU cores, as measured by ``training.py``, ``extraction.py``, ``sweep.py``."""
    steps = _seconds(row for row in read_rows(results / "training.csv") if row["device"] == "cpu")
    (extraction,) = (
        float(row["images/s"])
        for row in read_rows(results / "extraction.csv")
        if row["what"] == "extraction" and row["device"] == "cpu"
    )
    return Device("2 CPU cores", "measured", steps, _overhead(results), extraction)


def h200(count: int, results: Path = RESULTS) -> Device:
    """H200 cards: as ``benchmarks/gpu.py`` measured one, or else by the data sheet."""
    number = {1: "one", 8: "eight"}.get(count, str(count))
    file = results / "gpu_step.csv"
    if file.is_file():
        rows = [row for row in read_rows(file) if row["TF32"] == "False"]
        if rows and all("H200" in row.get("card", "") for row in rows):
            return Device(f"{number} H200", "measured", _seconds(rows), _overhead(results), None, count)
    return Device(f"{number} H200", "calculated, a floor", None, _overhead(results), None, count)


def _seconds(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], float]:
    """Of a step at batch 96, by model and precision; of flows that are not compiled."""
    return {
        (row["preset"], row["precision"]): float(row["lightning ms/step"]) / 1e3
        for row in rows
        if row["compile"] == "False" and row["batch"] == "96"
    }


def _overhead(results: Path) -> float:
    """Seconds of a cell beside its fit: median of the cells that found their features in the bank."""
    cells = [row for row in read_rows(results / "sweep.csv") if row["cell"] != "0"]
    phases = ("read s", "features s", "evaluate s")
    return statistics.median(math.fsum(float(row[phase]) for phase in phases) for row in cells)
