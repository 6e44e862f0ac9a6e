"""Many jobs on one machine, each with a GPU, or cores, that it alone has."""

from functools import partial
from typing import Any

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf

from irp_lightning.foundation.cluster import connected_ray

from ._jobs import Job, JobLauncher, settled

__all__ = ["RayLauncher"]


class RayLauncher(JobLauncher):
    """Ray leases GPUs and cores to jobs, and tries a job again whose process died.

    Args:
        init: Arguments of ``ray.init``.
        remote: Options of the jobs, as for ``ray.remote``.
    """

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        self.init: Any = OmegaConf.to_container(init, resolve=True)
        self.remote: Any = OmegaConf.to_container(remote, resolve=True)

    def run(self, jobs: list[Job]) -> list[JobReturn]:
        ray = connected_ray(**self.init)  # once: a sweeper may launch several times
        self._refuse_what_never_starts(ray.cluster_resources())
        call = ray.remote(**self.remote)(_run)
        running: list[Any] = [call.remote(job) for job in jobs]
        return [
            settled(job, partial(_result, handle), _died)
            for job, handle in zip(jobs, running, strict=True)
        ]

    def _refuse_what_never_starts(self, there: dict[str, float]) -> None:
        """Ray would wait for ever for a GPU that is not there."""
        for key, name in (("num_gpus", "GPU"), ("num_cpus", "CPU")):
            asked, has = self.remote.get(key) or 0, there.get(name, 0)
            if asked > has:
                raise CompactHydraException(
                    f"irp_lightning: hydra.launcher.remote.{key}={asked} for each job, and Ray finds "
                    f"{has:g} here; ask for less, or set hydra.launcher.init.{key}"
                    + ("; hydra/launcher=ray_cpu needs none" if key == "num_gpus" else "")
                )


def _run(job: Job) -> JobReturn:
    return job()


def _result(handle: Any) -> JobReturn:
    import ray

    result: JobReturn = ray.get(handle)
    return result


def _died(error: Exception) -> str:
    return f"the job's process died ({type(error).__name__}); what it printed last says why"
