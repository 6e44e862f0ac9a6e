"""Where a run's curves go: always a CSV file; Weights & Biases on top, if asked for."""

import netrc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import wandb
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger

__all__ = ["finish_loggers", "has_wandb_key", "make_loggers"]

ONLINE_TIMEOUT = 30
"""Seconds to wait for Weights & Biases before the run goes offline."""


def has_wandb_key() -> bool:
    """Whether a W&B key is at hand: in ``WANDB_API_KEY``, or in the netrc file of ``wandb login``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    file = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        return bool(host) and netrc.netrc(file).authenticators(str(host)) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def make_loggers(
    settings: dict[str, Any] | None, folder: Path, config: dict[str, Any], say: Callable[[str], None]
) -> list[Logger]:
    """The loggers of a run.

    W&B is asked for online runs only when a key is present, and never prompts: without a key, or
    without an answer in time, the run is logged offline under the run folder.

    Args:
        settings: ``logger.wandb``: project, entity, group, tags; None for CSV alone.
        folder: The run folder.
        config: The resolved configuration.
        say: Told, in one line, whether W&B is online or offline, and why.
    """
    loggers: list[Logger] = [CSVLogger(folder, name=None, version="logs")]
    if settings is None:
        return loggers
    os.environ["WANDB_DATA_DIR"] = str(folder / "wandb")  # payloads of offline runs
    (folder / "wandb").mkdir(parents=True, exist_ok=True)
    asked = os.environ.get("WANDB_MODE")
    if asked == "disabled":
        say("W&B: disabled (WANDB_MODE)")
        return loggers
    if asked == "offline":
        reason = "WANDB_MODE"
    elif not has_wandb_key():
        reason = "no key; `wandb login` or WANDB_API_KEY would put runs online"
    else:
        try:
            logger = _wandb(settings, folder, config, offline=False)
            say(f"W&B: online, {logger.experiment.url}")
            return [*loggers, logger]
        except (wandb.errors.CommError, wandb.errors.UsageError) as error:
            reason = " ".join(str(error).split())[:120]
            wandb.teardown()
    logger = _wandb(settings, folder, config, offline=True)
    say(f"W&B: offline ({reason}); `wandb sync {folder}/wandb/offline-run-*` uploads it")
    return [*loggers, logger]


def finish_loggers(loggers: list[Logger], status: str) -> None:
    """End the run's logging, or the next job of a sweep would go on in the same W&B run."""
    for logger in loggers:
        logger.finalize(status)
    if any(isinstance(logger, WandbLogger) for logger in loggers):
        wandb.finish(exit_code=0 if status == "success" else 1)


def _wandb(settings: dict[str, Any], folder: Path, config: dict[str, Any], offline: bool) -> WandbLogger:
    logger = WandbLogger(
        save_dir=folder,
        offline=offline,
        project=settings["project"],
        entity=settings["entity"],
        group=settings["group"],
        job_type=config["refine"]["name"],
        tags=list(settings["tags"]),
        config=config,
        settings=wandb.Settings(init_timeout=ONLINE_TIMEOUT, console="off", silent=True),
    )
    _ = logger.experiment  # wandb.init, now: a run must not fail on it after it was trained
    return logger
