"""Manage the feature bank: ``irp-lightning bank list | verify | prune | fill``."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from irp_lightning.features.bank_folders import BankFolder, default_cache, find_banks, prune, verify
from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.runs.summary import Screen

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """The command line; ``verify`` exits with status 1 if anything is damaged."""
    chosen = _parser().parse_args(arguments)
    with ends_in_one_line():
        if chosen.command == "fill":
            _fill(chosen)
        else:
            _look_after(chosen)


def _look_after(chosen: argparse.Namespace) -> None:
    banks = find_banks(chosen.cache_dir.expanduser())
    if chosen.command == "list":
        Screen(soft_wrap=True, markup=False, highlight=False).print(_table(banks))
        print(f"{sum(bank.size for bank in banks) / 2**20:.1f} MiB in {chosen.cache_dir}")
    elif chosen.command == "verify":
        damaged = [file for bank in banks for file in verify(bank)]
        for file in damaged:
            print(f"damaged: {file}")
        print(f"{sum(len(bank.entries) for bank in banks)} entries, {len(damaged)} damaged")
        if damaged:
            print("the next run that needs the damaged entries computes them again")
            raise SystemExit(1)
    else:
        freed = sum(prune(bank, chosen.unused_days) for bank in banks)
        print(f"{freed / 2**20:.1f} MiB freed in {chosen.cache_dir}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="irp-lightning bank", description=__doc__)
    parser.add_argument("--cache-dir", type=Path, default=default_cache(), help="default: %(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every bank, with its size")
    commands.add_parser("verify", help="check every entry against its digest")
    pruning = commands.add_parser("prune", help="remove damaged entries and leftovers of killed runs")
    pruning.add_argument(
        "--unused-days",
        type=_days,
        metavar="N",
        help="also remove whole banks unused for N days (0: all)",
    )
    filling = commands.add_parser(
        "fill",
        help="extract a run's features in advance; several processes share the work",
        description="Extract the features that a run with these overrides needs and the bank lacks. "
        "Started on several machines with one cache_dir they share the work.",
    )
    filling.add_argument(
        "overrides",
        nargs="+",
        metavar="key=value",
        help="as for irp-lightning run: +experiment=folder ...; irp-lightning run --help shows all",
    )
    filling.add_argument(
        "--jobs",
        type=_count,
        metavar="N",
        help="number of jobs at a time, with Ray, each with a GPU if there are any",
    )
    filling.add_argument(
        "--cpus", type=_count, default=1, metavar="N", help="cores of each job (default: %(default)s)"
    )
    return parser


def _fill(chosen: argparse.Namespace) -> None:
    from irp_lightning.config.compose import checked, composed

    cfg = composed(chosen.overrides)
    if not any(override.startswith("cache_dir=") for override in chosen.overrides):
        cfg.cache_dir = str(chosen.cache_dir)
    e = checked(cfg)
    # Not before the arguments are checked: it takes torch.
    from irp_lightning.pipeline.prefill import fill, fill_over_ray

    if chosen.jobs is None:
        fill(e)
    else:
        fill_over_ray(e, chosen.jobs, chosen.cpus)


def _table(banks: Sequence[BankFolder]) -> Table:
    lines = Table()
    lines.add_column("bank", overflow="fold")
    for name in ("backbone", "px", "views", "type", "images", "size", "last used"):
        lines.add_column(name, no_wrap=True)
    for bank in banks:
        lines.add_row(
            bank.path.name,
            str(bank.spec.get("backbone", "?")),
            str(bank.spec.get("image_size", "?")),
            str(len(bank.spec.get("angles", ()))),
            str(bank.spec.get("dtype", "?")),
            str(len(bank.entries)),
            f"{bank.size / 2**20:.1f} MiB",
            time.strftime("%Y-%m-%d", time.localtime(bank.used)),
        )
    return lines


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of at least 1")
    return int(text)


def _days(text: str) -> float:
    days = float(text)
    if not days >= 0:  # nan too
        raise argparse.ArgumentTypeError(f"{text} is not a number of days, 0 or more")
    return days
