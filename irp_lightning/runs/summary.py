"""Runs on a screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from irp_lightning.foundation.amounts import counted, percent

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


def print_summary(metrics: Mapping[str, Any], folder: Path) -> None:
    """Print the figures of ``metrics.json`` that a user looks for first, and where the rest is.

    Figures that need labels are left out where there are none.
    """
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    m = metrics
    if "cleaning" in m:
        _add_cleaning(table, m)
    table.add_row("method", f"{m['method']} on {m['category']}")
    if m["noise_achieved"] is not None:
        table.add_row(
            "training images",
            f"{m['train_images']}, noise {m['noise_achieved']:.3f} ({m['noise_requested']} requested)",
        )
    converged = {True: ", converged", False: ", not converged"}
    table.add_row("rounds", f"{m['rounds']}{converged.get(m['converged'], '')}")
    _add_removals(table, m)
    if m["image_auroc"] is not None:
        table.add_row("image AUROC", f"{m['image_auroc']:.3f} on {m['test_images']} test images")
        table.add_row("image AP", f"{m['image_ap']:.3f}")
    elif m["test_images"]:
        kind = f"not known: {counted(m['test_images'], 'test image')}, of one kind"
        table.add_row("image AUROC", kind)
    table.add_row("seconds", ", ".join(f"{phase} {s:.1f}" for phase, s in m["seconds"].items()))
    Screen(soft_wrap=True, markup=False).print(table)
    print(f" run folder       {folder}")


def _add_removals(table: Table, m: Mapping[str, Any]) -> None:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    if m["removed_bad"] is not None:
        table.add_row(
            "removed",
            f"{m['removed_bad']} defective, {m['removed_good']} normal "
            f"(precision {share(m['removal_precision'])}, recall {share(m['removal_recall'])})",
        )
    elif "removed" in m:  # older runs do not count what they cannot judge
        images, unlabelled = m["train_images"], m["unlabelled_images"]
        kind = (
            "unlabelled images" if unlabelled == images else f"images, {unlabelled} of them unlabelled"
        )
        table.add_row("removed", f"{m['removed']} of {images} {kind}")


def _add_cleaning(table: Table, m: Mapping[str, Any]) -> None:
    c = m["cleaning"]
    low, high = c["false_alarms_between"]
    asked, promised = c["false_alarms_asked"], c["false_alarms_promised"]
    table.add_row(
        "suspects", f"{c['suspects']} of {c['suspects'] + c['kept']} photographs, {c['kept']} kept"
    )
    if c["looks"]:
        table.add_row("reviewed", f"{counted(c['looks'], 'photograph')}, by a person")
    rates = [f"{c['threshold']:.4g}: {percent(promised)} false alarms guaranteed"]
    if promised > asked:
        rates.append(
            f"{percent(asked)} requested; so few groups of photographs guarantee no less than 1 in "
            f"{round(1 / promised)}"
        )
    review = c.get("review")  # older versions have none
    confirmed = review and review["confirmed_defective"]
    good = "every suspect that nobody marked defective" if confirmed else "every suspect"
    rates.append(f"{percent(low)} to {percent(high)} at 90 % confidence")
    rates.append(f"up to {percent(c['false_alarms_at_most'])} if {good} is a good part")
    table.add_row("threshold", "\n".join(rates))
    if review:
        found = [
            f"{review[above]} of {review[marked]} marked {kind} score above the threshold ({what})"
            for marked, above, kind, what in (
                ("confirmed_defective", "caught", "defective", "caught"),
                ("confirmed_normal", "alarmed", "normal", "false alarms"),
            )
            if review[marked]
        ]
        table.add_row("review", "\n".join(found))
