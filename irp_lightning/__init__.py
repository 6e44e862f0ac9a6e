"""Train image anomaly detectors on data that nobody has cleaned."""

__all__ = ["__version__"]

__version__ = "0.1.0"
