"""Hydra launchers that see a sweep through: ``hydra/launcher=ray_gpu``, ``ray_cpu``, ``slurm``.

Hydra takes launchers from the namespace package ``hydra_plugins`` alone, and imports what lies in it at
every start: ray and submitit are imported when a sweep is launched.
"""
