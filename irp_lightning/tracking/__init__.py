"""Where a run's curves and figures go besides its folder: loggers and W&B's pages."""
