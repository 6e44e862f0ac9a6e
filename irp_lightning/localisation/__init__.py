"""Localisation of defects: anomaly maps, their metrics, and pictures."""
