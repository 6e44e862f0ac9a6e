"""Readers: one file for each layout, with ``read(data) -> list[Sample]``."""
