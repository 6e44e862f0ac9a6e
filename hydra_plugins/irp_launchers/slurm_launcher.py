"""Many jobs on a cluster: a sweep is a Slurm job array, submitted by submitit."""

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from irp_lightning.foundation.errors import one_line

from ._jobs import Job, JobLauncher, settled

if TYPE_CHECKING:
    import submitit

__all__ = ["SlurmLauncher"]

SECOND_LOOK = 10
"""Seconds after which a job that seems to have died is looked at again."""


class SlurmLauncher(JobLauncher):
    """Each job is a task of a Slurm array.

    Args:
        folder: Scripts, logs and results of the jobs.
        max_num_timeout: How often a job that ran out of time is queued again.
        tasks_per_node: Processes of a job; several train one detector together.
        **parameters: What is asked of Slurm, in sbatch's words; null: not asked.
    """

    def __init__(
        self, folder: str, max_num_timeout: int, tasks_per_node: int, **parameters: Any
    ) -> None:
        self.folder, self.max_num_timeout = folder, max_num_timeout
        parameters["ntasks_per_node"] = tasks_per_node
        plain = {
            k: OmegaConf.to_object(v) if OmegaConf.is_config(v) else v for k, v in parameters.items()
        }
        self.parameters = {k: v for k, v in plain.items() if v is not None}

    def run(self, jobs: list[Job]) -> list[JobReturn]:
        import submitit

        try:
            executor = submitit.SlurmExecutor(self.folder, max_num_timeout=self.max_num_timeout)
            executor.update_parameters(**self.parameters)
            handles = executor.submit_array(jobs)
        except (RuntimeError, ValueError, submitit.core.utils.FailedJobError) as error:
            said = f"irp_lightning: Slurm takes no jobs: {one_line(error)}"
            raise CompactHydraException(said) from None
        array = handles[0].job_id.split("_")[0]
        try:
            return [
                settled(job, partial(_result, handle), partial(_died, handle))
                for job, handle in zip(jobs, handles, strict=True)
            ]
        except KeyboardInterrupt:
            print(f"irp_lightning: Slurm goes on without us; scancel {array} ends it", file=sys.stderr)
            raise


def _result(handle: "submitit.Job[JobReturn]") -> JobReturn:
    import submitit

    while True:
        try:
            return handle.results()[0]
        except submitit.core.utils.UncompletedJobError:
            # When a node dies, Slurm calls its jobs dead for a moment, and then queues them again.
            time.sleep(SECOND_LOOK)
            handle.watcher.clear()
            if handle.watcher.is_done(handle.job_id, mode="force"):
                raise


def _died(handle: "submitit.Job[JobReturn]", error: Exception) -> str:
    return f"Slurm job {handle.job_id} died ({handle.state}); its log: {handle.paths.stderr}"
