"""Where a run's curves go: always a CSV file; Weights & Biases on top, if asked for."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.utilities import rank_zero_only
from wandb.errors import CommError, Error, UsageError

from irp_lightning.evaluation.evaluation import Evaluation
from irp_lightning.foundation.errors import one_line
from irp_lightning.tracking.config import WandbConfig
from irp_lightning.tracking.wandb_key import has_wandb_key
from irp_lightning.tracking.wandb_logger import LONGEST_REASON, RunLogger, start_run

__all__ = ["finish_loggers", "log_evaluation", "logging_to", "make_loggers"]


def make_loggers(
    wandb: WandbConfig | None,
    folder: Path,
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    say: Callable[[str], None],
) -> list[Logger]:
    """The loggers of a run.

    W&B is asked for online runs only when a key is present, and never prompts: without a key, or
    without an answer in time, the run is logged offline under the run folder. Of several processes
    the first one logs. A run that is continued goes on in its W&B run, and in a new CSV folder.

    Args:
        wandb: None for CSV alone.
        folder: The run folder.
        config: The resolved configuration, nested: shown in W&B as it is.
        facts: What the run is found by: its ``method``, ``model``, ``backbone``, ``category``,
            ``contamination``, and more.
        say: Told, in one line, whether W&B is online or offline, and why.
    """
    loggers: list[Logger] = [CSVLogger(folder, name=None, version=_free_logs(folder))]
    if wandb is None or rank_zero_only.rank:  # type: ignore[attr-defined]
        return loggers
    logger = _wandb_logger(partial(start_run, wandb, folder, config, facts, say), folder, say)
    return loggers if logger is None else [*loggers, logger]


@contextmanager
def logging_to(
    wandb: WandbConfig | None, folder: Path, config: Mapping[str, Any], facts: Mapping[str, Any]
) -> Iterator[list[Logger]]:
    """The loggers of :func:`make_loggers` for as long as a run lasts; told if it failed."""
    loggers = make_loggers(wandb, folder, config, facts, print)
    status = "failed"
    try:
        yield loggers
        status = "success"
    finally:
        finish_loggers(loggers, status)


def _wandb_logger(
    start: Callable[..., RunLogger], folder: Path, say: Callable[[str], None]
) -> RunLogger | None:
    """W&B online, or else offline, or else not at all: what ``start(online=...)`` gives."""
    mode = os.environ.get("WANDB_MODE")
    if mode == "disabled":
        say("W&B: disabled (WANDB_MODE)")
        return None
    if mode in ("offline", "dryrun"):
        reason = "WANDB_MODE"
    elif not has_wandb_key():
        reason = "no key; `wandb login` or WANDB_API_KEY would put runs online"
    else:
        try:
            logger = start(online=True)
            say(f"W&B: online, {logger.experiment.url}")
            return logger
        except (CommError, UsageError) as error:
            reason = one_line(error, LONGEST_REASON)
    try:
        logger = start(online=False)
    except (Error, OSError) as error:
        say(f"W&B: not used ({one_line(error, LONGEST_REASON)}); the run folder has everything")
        return None
    say(f"W&B: offline ({reason}); `wandb sync {folder}/wandb/offline-run-*` uploads it")
    return logger


def log_evaluation(
    loggers: Sequence[Logger],
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
    rows = evaluation.round_rows
    for logger in loggers:
        if isinstance(logger, RunLogger):
            logger.log_evaluation(evaluation, metrics, folder)
            continue
        for row in rows:
            numbers = {f"round/{key}": value for key, value in row.items() if value is not None}
            logger.log_metrics(numbers, step=step + row["round"])
        final = {key: float(value) for key, value in metrics.items() if isinstance(value, int | float)}
        logger.log_metrics(final, step=step + len(rows))


def finish_loggers(loggers: Sequence[Logger], status: str) -> None:
    """End the run's logging, or the next job of a sweep would go on in the same W&B run."""
    for logger in loggers:
        if isinstance(logger, RunLogger):
            logger.close(exit_code=0 if status == "success" else 1)
        else:
            logger.finalize(status)


def _free_logs(folder: Path) -> str:
    """The folder of the CSV file: Lightning deletes the one that it finds in its own."""
    names = itertools.chain(["logs"], (f"logs-{i}" for i in itertools.count(2)))
    return next(name for name in names if not (folder / name).exists())
