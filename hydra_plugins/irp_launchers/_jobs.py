"""What the launchers share: the jobs of a sweep, and what became of each."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import (
    JobReturn,
    JobStatus,
    configure_log,
    filter_overrides,
    run_job,
    setup_globals,
)
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from irp_lightning.foundation.errors import InputError
from irp_lightning.sweeps.command_line import complete_run

__all__ = ["Job", "JobLauncher", "settled"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One job of a sweep; it can be pickled, and called in another process."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    overrides: list[str]
    state: dict[Any, Any]  # Hydra's singletons

    def __call__(self) -> JobReturn:
        """Run the job here; what the task raises is in the return value."""
        setup_globals()
        Singleton.set_state(self.state)
        HydraConfig.instance().set_config(self.config)
        return run_job(
            hydra_context=self.context,
            task_function=self.task,
            config=self.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )

    def checkpoint(self) -> Any:
        """For submitit: what to run when the job is queued again. The same; it resumes."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def settled(job: Job, result: Callable[[], JobReturn], died: Callable[[Exception], str]) -> JobReturn:
    """Wait for a job; one whose process died is a failed job, not the end of the sweep.

    Args:
        job: The job that was launched.
        result: Waits for it; raises if its process left no result.
        died: Says in one line how it ended, given what was raised.
    """
    try:
        return result()
    except Exception as error:
        failed = JobReturn(overrides=job.overrides, status=JobStatus.FAILED)
        failed.return_value = CompactHydraException(f"irp_lightning: {died(error)}")
        log.warning("\t#%d : %s", job.config.hydra.job.num, died(error))
        return failed


class JobLauncher(Launcher):
    """A launcher of jobs in other processes."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        setup_globals()
        hydra = self.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose)
        log.info("%d jobs; sweep folder: %s", len(job_overrides), hydra.sweep.dir)
        jobs = [self._job(list(o), initial_job_idx + i) for i, o in enumerate(job_overrides)]
        # A cell stands for all jobs that differ by what changes nothing there: it is run once.
        left: dict[Path, Job] = {}
        for job in jobs:
            if not _is_quick(job):
                left.setdefault(_folder(job), job)
        done = dict(zip(left, self.run(list(left.values())) if left else [], strict=True))
        # The others take no time, and must not wait in a queue.
        results = [done.get(_folder(job)) or job() for job in jobs]
        configure_log(hydra.hydra_logging, hydra.verbose)  # a job sets up its own
        return results

    @abstractmethod
    def run(self, jobs: list[Job]) -> list[JobReturn]:
        """Run jobs, at least one; their results in the same order."""

    def _job(self, overrides: list[str], number: int) -> Job:
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        return Job(self.hydra_context, self.task_function, config, overrides, Singleton.get_state())


def _folder(job: Job) -> Path:
    sweep = job.config.hydra.sweep
    return Path(sweep.dir, sweep.subdir)


def _is_quick(job: Job) -> bool:
    """Whether a cell is complete, or refused because its folder holds another."""
    keys: list[Any] = [key for key in job.config if key != "hydra"]
    try:
        cfg = OmegaConf.masked_copy(job.config, keys)
        return complete_run(_folder(job), cfg) is not None
    except (InputError, OmegaConfBaseException):
        return True
