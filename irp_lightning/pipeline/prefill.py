"""Fill the bank ahead of a run: on one machine, or on several that share a file system.

Processes that lack the same images share the work, wherever they run: each takes them in an order of its
own, and looks right before an image's turn whether another has done it.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.contamination import draw_pool
from irp_lightning.detectors.devices import choose_device
from irp_lightning.features.preparation import fill_bank, run_of
from irp_lightning.foundation.cluster import connected_ray
from irp_lightning.foundation.errors import InputError
from irp_lightning.pipeline.inputs import read_inputs, show_parts

__all__ = ["fill", "fill_over_ray"]


def fill(e: Experiment, say: Callable[[str], None] = print) -> None:
    """Extract what a run of an experiment needs and the bank lacks.

    Args:
        e: The experiment: its data, noise, seed, backbone, views, patches, model, removal and device
            matter.
        say: Called with one line per bank: how many entries were made here.

    Raises:
        InputError: The run would be refused, or the bank cannot be written.
    """
    if e.features.cache != "bank":
        raise InputError(f"features.cache={e.features.cache} keeps nothing; set features.cache=bank")
    root = Path(e.cache_dir)
    images, extractors = read_inputs(e)
    # What is shown of pictures depends on the training images: those of this noise and seed.
    pool = draw_pool(images, e.data.split, e.contamination.kind, e.noise, e.seed)
    extractors, _ = show_parts(extractors, images, pool.of(images.samples), e.data.crop, say)
    paths, wanted = [sample.path for sample in images.samples], set(images.hashes)
    device = choose_device(e.trainer)
    for extractor, bank in extractors.with_banks(root):
        there = sum(digest in bank for digest in wanted)
        if fill_bank(bank, paths, images.hashes, run_of(extractor, e.features, device), say):
            raise InputError(f"cache_dir={root} cannot be written; set one that every machine shares")
        bank.mark_used()
        say(f"{len(wanted)} images in {bank.folder}, {there} of them there already")


def fill_over_ray(e: Experiment, jobs: int, cpus: int) -> None:
    """Fill the bank by several jobs at once, which Ray starts where it finds room.

    Args:
        e: The experiment; ``data.root`` and ``cache_dir`` are the same folders on all machines.
        jobs: How many; each has a GPU of its own where the cluster has any.
        cpus: Cores of each.

    Raises:
        InputError: Ray is not installed, there is no room for such jobs, or the run would be refused.
    """
    ray = connected_ray(include_dashboard=False, logging_level=logging.ERROR)
    there = ray.cluster_resources()
    gpus = 1 if there.get("GPU") else 0
    if cpus > there.get("CPU", 0):
        raise InputError(
            f"--cpus {cpus} for each job, and Ray finds {there.get('CPU', 0):g}; request fewer"
        )
    call: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=1, scheduling_strategy="SPREAD")(
        _fill
    )
    try:
        for lines in ray.get([call.remote(e) for _ in range(jobs)]):
            print("\n".join(lines))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise InputError(str(error.cause)) from error
        raise


def _fill(e: Experiment) -> list[str]:
    said: list[str] = []
    fill(e, said.append)
    return said
