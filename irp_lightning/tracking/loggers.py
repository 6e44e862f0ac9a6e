"""Loggers of a run: always a CSV file; also Weights & Biases, if set."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only

from irp_lightning.evaluation.evaluation import Evaluation
from irp_lightning.tracking.config import WandbConfig

if TYPE_CHECKING:  # it imports W&B, which a run without it has no use for
    from irp_lightning.tracking.wandb_logger import RunLogger

__all__ = ["TableLogger", "finish_loggers", "log_evaluation", "logging_to", "make_loggers"]


class TableLogger(CSVLogger):
    """``logs/metrics.csv``."""

    def log_evaluation(
        self, evaluation: Evaluation, metrics: Mapping[str, Any], step: int, folder: Path
    ) -> None:
        rows = evaluation.round_rows
        for row in rows:
            numbers = {f"round/{key}": value for key, value in row.items() if value is not None}
            self.log_metrics(numbers, step=step + row["round"])
        numbers = {key: float(value) for key, value in metrics.items() if isinstance(value, int | float)}
        self.log_metrics(numbers, step=step + len(rows))

    def close(self, status: str) -> None:
        self.finalize(status)


def make_loggers(
    wandb: WandbConfig | None,
    folder: Path,
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    say: Callable[[str], None],
) -> "list[TableLogger | RunLogger]":
    """The loggers of a run.

    W&B is asked for online runs only when a key is present, and never prompts: without a key, or
    without an answer in time, the run is logged offline under the run folder. Of several processes
    the first one logs. A run that is resumed continues its W&B run, and in a new CSV folder.

    Args:
        wandb: None for CSV alone.
        folder: The run folder.
        config: The resolved configuration, nested: shown in W&B as it is.
        facts: What the run is found by: its ``method``, ``model``, ``backbone``, ``category``,
            ``contamination``, and more.
        say: Called with one line: whether W&B is online or offline, and why.
    """
    table = TableLogger(folder, name=None, version=_free_logs(folder))
    if wandb is None or rank_zero_only.rank:  # type: ignore[attr-defined]
        return [table]
    from irp_lightning.tracking.wandb_logger import wandb_logger

    logger = wandb_logger(wandb, folder, config, facts, say)
    return [table] if logger is None else [table, logger]


@contextmanager
def logging_to(
    wandb: WandbConfig | None, folder: Path, config: Mapping[str, Any], facts: Mapping[str, Any]
) -> "Iterator[list[TableLogger | RunLogger]]":
    """The loggers of :func:`make_loggers` for as long as a run lasts; told if it failed."""
    loggers = make_loggers(wandb, folder, config, facts, print)
    status = "failed"
    try:
        yield loggers
        status = "success"
    finally:
        finish_loggers(loggers, status)


def log_evaluation(
    loggers: "Sequence[TableLogger | RunLogger]",
    evaluation: Evaluation,
    metrics: Mapping[str, Any],
    step: int,
    folder: Path,
) -> None:
    """Send the rounds and the final figures to the loggers.

    W&B also gets histograms, the removed images, the manifest and the checkpoint.

    Args:
        loggers: Those of :func:`make_loggers`.
        evaluation: What was found out.
        metrics: What ``metrics.json`` will hold.
        step: Training steps so far: the CSV's rounds and figures stand after them.
        folder: The run folder, with its manifest and its checkpoint.
    """
    for logger in loggers:
        logger.log_evaluation(evaluation, metrics, step, folder)


def finish_loggers(loggers: "Sequence[TableLogger | RunLogger]", status: str) -> None:
    """End the run's logging, or the next job of a sweep would log to the same W&B run."""
    for logger in loggers:
        logger.close(status)


def _free_logs(folder: Path) -> str:
    """The folder of the CSV file: Lightning deletes the one that it finds in its own."""
    names = itertools.chain(["logs"], (f"logs-{i}" for i in itertools.count(2)))
    return next(name for name in names if not (folder / name).exists())
