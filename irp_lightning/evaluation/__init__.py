"""Labels join scores here, after everything is fitted, and nowhere else."""
