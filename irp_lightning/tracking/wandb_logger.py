"""A run in Weights & Biases that keeps to its folder and never stops a training."""

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from wandb.errors import CommError, Error, UsageError

from irp_lightning.evaluation.evaluation import Evaluation
from irp_lightning.foundation.errors import one_line
from irp_lightning.runs.folder import CHECKPOINT, MANIFEST, WANDB_ID
from irp_lightning.tracking.config import WandbConfig
from irp_lightning.tracking.wandb_key import has_wandb_key
from irp_lightning.tracking.wandb_run import define_axes, show_evaluation, show_files, tags_of

__all__ = ["RunLogger", "run_id", "start_run", "wandb_logger"]

ONLINE_TIMEOUT = 30
"""Seconds to wait for Weights & Biases before the run goes offline."""

LONGEST_NAME, LONGEST_REASON = 128, 120


class RunLogger(WandbLogger):
    """Lightning's logger, over a W&B run that is there already.

    What W&B raises in the middle of a training (its helper process died, the disk is full) is said
    once, and training continues without it.

    Args:
        run: What ``wandb.init`` gave.
        folder: The run folder.
        facts: What to find its artifacts by; the ``category`` among them.
        checkpoint: Whether the checkpoint is one of them.
        say: Called with one line if logging had to be given up.
        outside: The environment variables to put back at the end, with their values; None: unset.
    """

    def __init__(
        self,
        run: wandb.Run,
        folder: Path,
        facts: Mapping[str, Any],
        checkpoint: bool,
        say: Callable[[str], None],
        outside: Mapping[str, str | None],
    ) -> None:
        # Handed the run, Lightning neither makes one (with an argument that W&B warns of) nor sets
        # WANDB_MODE for good.
        super().__init__(save_dir=folder, project=run.project, id=run.id, experiment=run)
        self._facts = facts
        self._checkpoint = checkpoint
        self._say = say
        self._outside = outside
        self._lost = False

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something with the run; nothing, once that has failed."""
        if self._lost:
            return
        try:
            action()
        except Exception as error:  # any library's, from any layer
            self._lost = True
            self._say(
                f"W&B: given up ({one_line(error, LONGEST_REASON)}); the run folder has everything"
            )

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.attempt(lambda: WandbLogger.log_metrics(self, metrics, step))

    def log_hyperparams(self, params: Any) -> None:
        """Nothing: they are in the configuration, under ``model``; here they would be there twice."""

    def log_evaluation(
        self, evaluation: Evaluation, metrics: Mapping[str, Any], step: int, folder: Path
    ) -> None:
        """Show what a run found out; see :func:`irp_lightning.tracking.loggers.log_evaluation`."""
        checkpoint = folder / CHECKPOINT if self._checkpoint else None

        def show() -> None:
            show_evaluation(self.experiment, evaluation, metrics)
            show_files(self.experiment, folder / MANIFEST, checkpoint, self._facts)

        self.attempt(show)

    def close(self, status: str) -> None:
        """End the run and W&B's helper process, which keeps the folders that it was started with."""
        with contextlib.suppress(Exception):  # as in `attempt`; also tried after that failed
            self.experiment.finish(exit_code=0 if status == "success" else 1)
        _teardown()
        _set_environment(self._outside)


def wandb_logger(
    asked: WandbConfig,
    folder: Path,
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    say: Callable[[str], None],
) -> RunLogger | None:
    """W&B online, or else offline, or else not at all; see :func:`start_run`."""
    start = partial(start_run, asked, folder, config, facts, say)
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


def run_id(folder: Path) -> str:
    """The W&B run of a run folder, which a resumed run continues."""
    file = folder / WANDB_ID
    if file.is_file():
        return file.read_text(encoding="utf-8").strip()
    made = secrets.token_hex(4)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(made + "\n", encoding="utf-8")
    return made


def start_run(
    asked: WandbConfig,
    folder: Path,
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    say: Callable[[str], None],
    *,
    online: bool,
) -> RunLogger:
    """Start or resume the W&B run of a run folder.

    Args:
        asked: Where in W&B.
        folder: The run folder.
        config: The resolved configuration, nested.
        facts: What the run is found by, as for :func:`irp_lightning.tracking.loggers.make_loggers`.
        say: Called with one line if logging had to be given up.
        online: Whether to upload.

    Raises:
        wandb.errors.Error, OSError: W&B cannot be reached, or does not start.
    """
    home = folder.resolve() / "wandb"
    outside = _set_environment(
        # Payloads of offline runs; logs of the helper process, and what it keeps of uploads.
        {"WANDB_DATA_DIR": str(home), "WANDB_CACHE_DIR": str(home / "cache")}
    )
    try:
        run = _init(asked, folder, config, facts, online)
        define_axes(run)
    except BaseException:
        _teardown()
        _set_environment(outside)
        raise
    return RunLogger(run, folder, facts, asked.checkpoint, say, outside)


def _init(
    asked: WandbConfig, folder: Path, config: Mapping[str, Any], facts: Mapping[str, Any], online: bool
) -> wandb.Run:
    return wandb.init(
        dir=folder,
        mode="online" if online else "offline",
        project=asked.project,
        entity=asked.entity,
        group=asked.group,
        job_type=facts["method"],
        name=folder.resolve().name[:LONGEST_NAME],
        tags=tags_of(asked.tags, facts),
        # Nested, as it is: W&B itself flattens it, to columns `data.category`. Names with dots
        # of our own would look the same but could not be filtered by.
        config=dict(config),
        id=run_id(folder),
        resume="allow",
        settings=wandb.Settings(init_timeout=ONLINE_TIMEOUT, console="off", silent=True),
    )


def _teardown() -> None:
    with contextlib.suppress(OSError):  # the helper process is gone already
        wandb.teardown()


def _set_environment(values: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set environment variables, None unsets one; gives back what they were."""
    before = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return before
