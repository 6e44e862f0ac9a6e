"""Destinations of a run's curves and figures besides its folder: loggers and W&B pages."""
