"""Sweeps: cells and their names, what is checked before the first, how each went. Imports no torch."""
