"""Where a run's curves go: always a CSV file; Weights & Biases on top, if asked for."""

import itertools
import netrc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import wandb
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.utilities import rank_zero_only

from irp_lightning.tracking.wandb_logger import RunLogger, start_run

__all__ = ["finish_loggers", "has_wandb_key", "make_loggers"]

OLD_HOST = "api.wandb.ai"
"""What W&B's own server was called when some keys were stored."""


def has_wandb_key() -> bool:
    """Whether a W&B key is at hand: in ``WANDB_API_KEY``, or in the netrc file of ``wandb login``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    own = os.environ.get("WANDB_BASE_URL")
    url = urlparse(own or wandb.Settings().base_url)
    # Which of them `wandb login` wrote depends on its version.
    hosts = {url.netloc, url.hostname} | (set() if own else {OLD_HOST})
    file = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        known = netrc.netrc(file)
        return any(host and known.authenticators(host) is not None for host in hosts)
    except (OSError, netrc.NetrcParseError):
        return False


def make_loggers(
    settings: dict[str, Any] | None, folder: Path, config: dict[str, Any], say: Callable[[str], None]
) -> list[Logger]:
    """The loggers of a run.

    W&B is asked for online runs only when a key is present, and never prompts: without a key, or
    without an answer in time, the run is logged offline under the run folder. Of several processes
    the first one logs. A run that is continued goes on in its W&B run, and in a new CSV folder.

    Args:
        settings: ``logger.wandb``: project, entity, group, tags; None for CSV alone.
        folder: The run folder.
        config: The resolved configuration.
        say: Told, in one line, whether W&B is online or offline, and why.
    """
    loggers: list[Logger] = [CSVLogger(folder, name=None, version=_free_logs(folder))]
    if settings is None or rank_zero_only.rank:  # type: ignore[attr-defined]
        return loggers
    asked = os.environ.get("WANDB_MODE")
    if asked == "disabled":
        say("W&B: disabled (WANDB_MODE)")
        return loggers
    if asked in ("offline", "dryrun"):
        reason = "WANDB_MODE"
    elif not has_wandb_key():
        reason = "no key; `wandb login` or WANDB_API_KEY would put runs online"
    else:
        try:
            logger = start_run(settings, folder, config, say, online=True)
            say(f"W&B: online, {logger.experiment.url}")
            return [*loggers, logger]
        except (wandb.errors.CommError, wandb.errors.UsageError) as error:
            reason = " ".join(str(error).split())[:120]
    try:
        logger = start_run(settings, folder, config, say, online=False)
    except (wandb.errors.Error, OSError) as error:
        say(f"W&B: not used ({' '.join(str(error).split())[:120]}); the run folder has everything")
        return loggers
    say(f"W&B: offline ({reason}); `wandb sync {folder}/wandb/offline-run-*` uploads it")
    return [*loggers, logger]


def finish_loggers(loggers: list[Logger], status: str) -> None:
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
