"""Checks of a data set, and the remarks they make."""
