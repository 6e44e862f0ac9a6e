"""Runs on a screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["Screen", "print_summary", "print_wide"]


class Screen(Console):
    """A console that leaves it to the command what to do when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def print_wide(table: Table, least: int = 0) -> None:
    """Print a table whose rows stay on a line, whatever a pipe or a narrow terminal says.

    Args:
        table: The table.
        least: Columns that it may always take.
    """
    wide = max(least, Screen().width, Screen(width=10_000).measure(table).maximum)
    Screen(soft_wrap=True, markup=False, highlight=False, width=wide).print(table)


def _add_cleaning(table: Table, m: Mapping[str, Any]) -> None:
    c = m["cleaning"]
    images, (low, high) = c["suspects"] + c["kept"], c["false_alarms_between"]
    table.add_row("suspects", f"{c['suspects']} of {images} photographs, {c['kept']} kept")
    if c["looks"]:
        table.add_row("looked at", f"{c['looks']} photographs, by a person")
    table.add_row(
        "threshold",
        f"{c['threshold']:.4g}: false alarms {100 * c['false_alarms_promised']:.2g} % "
        f"({100 * c['false_alarms_asked']:.2g} % asked for; {100 * low:.2g} to {100 * high:.2g} % at "
        f"90 %; if all suspects are good, up to {100 * c['false_alarms_at_most']:.2g} %)",
    )


def print_summary(metrics: Mapping[str, Any], folder: Path) -> None:
    """Print the figures of ``metrics.json`` that a user looks for first, and where the rest is."""
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    m = metrics
    if "cleaning" in m:
        _add_cleaning(table, m)
    table.add_row("method", f"{m['method']} on {m['category']}")
    if m["noise_achieved"] is not None:
        table.add_row(
            "training images",
            f"{m['train_images']}, noise {m['noise_achieved']:.3f} ({m['noise_requested']} asked for)",
        )
    table.add_row("rounds", f"{m['rounds']}, converged: {m['converged']}")
    if m["removed_bad"] is not None:
        table.add_row(
            "removed",
            f"{m['removed_bad']} defective, {m['removed_good']} normal "
            f"(precision {share(m['removal_precision'])}, recall {share(m['removal_recall'])})",
        )
    table.add_row("image AUROC", f"{share(m['image_auroc'])} on {m['test_images']} test images")
    table.add_row("image AP", share(m["image_ap"]))
    table.add_row("seconds", ", ".join(f"{phase} {s:.1f}" for phase, s in m["seconds"].items()))
    Screen(soft_wrap=True, markup=False).print(table)
    print(f" run folder       {folder}")
